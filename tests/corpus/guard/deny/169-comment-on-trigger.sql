-- deny: cross_schema
COMMENT ON TRIGGER t ON tenant_beta.customers IS 'x';
