-- deny: cross_schema
COMMENT ON CONSTRAINT c ON DOMAIN tenant_beta.d IS 'x';
