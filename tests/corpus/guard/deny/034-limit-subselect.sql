-- deny: cross_schema
SELECT * FROM customers LIMIT (SELECT count(*) FROM tenant_beta.customers);
