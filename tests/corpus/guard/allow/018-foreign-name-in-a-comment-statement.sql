-- allow
COMMENT ON TABLE customers IS 'see tenant_beta.customers';
