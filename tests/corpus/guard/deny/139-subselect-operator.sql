-- deny: cross_schema
SELECT 1 WHERE 1 OPERATOR(tenant_beta.=) ALL (SELECT 1);
