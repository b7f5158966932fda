-- deny: cross_schema
SELECT 1 WHERE EXISTS (SELECT FROM tenant_beta.customers);
