-- deny: cross_schema
DROP DOMAIN tenant_beta.d;
