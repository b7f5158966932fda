-- deny: cross_schema
CREATE SEQUENCE tenant_beta.s;
