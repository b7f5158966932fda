-- deny: cross_schema
SELECT 1 ORDER BY (SELECT count(*) FROM tenant_beta.customers);
