-- deny: cross_schema
DROP AGGREGATE tenant_beta.a(int);
