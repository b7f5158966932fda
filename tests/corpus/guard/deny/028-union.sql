-- deny: cross_schema
SELECT name FROM customers UNION ALL SELECT name FROM tenant_beta.customers;
