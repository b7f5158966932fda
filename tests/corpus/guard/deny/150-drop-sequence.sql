-- deny: cross_schema
DROP SEQUENCE tenant_beta.s;
