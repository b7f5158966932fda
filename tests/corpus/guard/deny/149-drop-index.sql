-- deny: cross_schema
DROP INDEX CONCURRENTLY tenant_beta.i;
