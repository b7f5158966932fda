-- deny: cross_schema
COMMENT ON FUNCTION tenant_beta.f(int) IS 'x';
