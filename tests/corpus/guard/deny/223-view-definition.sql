-- deny: cross_schema
SELECT pg_get_viewdef('tenant_beta.v');
