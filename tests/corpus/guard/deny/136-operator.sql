-- deny: cross_schema
SELECT 1 OPERATOR(tenant_beta.+) 2;
