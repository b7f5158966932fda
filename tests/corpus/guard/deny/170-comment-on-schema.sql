-- deny: cross_schema
COMMENT ON SCHEMA tenant_beta IS 'x';
