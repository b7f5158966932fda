-- deny: cross_schema
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM tenant_beta.customers)) FROM customers;
