-- deny: cross_schema
SELECT ' TENANT_BETA . customers '::regclass;
