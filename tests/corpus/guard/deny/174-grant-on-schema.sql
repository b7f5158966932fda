-- deny: cross_schema
GRANT USAGE ON SCHEMA tenant_beta TO PUBLIC;
