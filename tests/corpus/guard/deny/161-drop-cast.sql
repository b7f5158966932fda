-- deny: cross_schema
DROP CAST (tenant_beta.a AS text);
