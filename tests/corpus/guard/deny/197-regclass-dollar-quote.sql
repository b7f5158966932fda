-- deny: cross_schema
SELECT $q$tenant_beta.customers$q$::regclass;
