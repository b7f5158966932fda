-- deny: cross_schema
SELECT 1; SELECT * FROM tenant_beta.customers;
