-- deny: cross_schema
DROP STATISTICS tenant_beta.s;
