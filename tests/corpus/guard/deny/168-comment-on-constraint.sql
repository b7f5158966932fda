-- deny: cross_schema
COMMENT ON CONSTRAINT c ON tenant_beta.customers IS 'x';
