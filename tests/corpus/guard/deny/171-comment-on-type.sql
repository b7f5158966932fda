-- deny: cross_schema
COMMENT ON TYPE tenant_beta.mood IS 'x';
