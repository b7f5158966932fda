-- deny: cross_schema
SELECT sum(x) OVER (ORDER BY (SELECT 1 FROM tenant_beta.customers)) FROM customers;
