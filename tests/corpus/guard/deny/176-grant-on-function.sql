-- deny: cross_schema
GRANT EXECUTE ON FUNCTION tenant_beta.f(int) TO PUBLIC;
