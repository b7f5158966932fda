-- deny: cross_schema
CALL tenant_beta.p();
