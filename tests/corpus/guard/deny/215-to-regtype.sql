-- deny: cross_schema
SELECT pg_catalog.to_regtype('tenant_beta.mood');
