-- deny: cross_schema
COMMENT ON TABLE tenant_beta.customers IS 'x';
