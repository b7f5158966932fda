-- deny: cross_schema
COMMENT ON COLUMN tenant_beta.customers.name IS 'x';
