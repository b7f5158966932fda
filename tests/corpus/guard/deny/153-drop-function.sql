-- deny: cross_schema
DROP FUNCTION tenant_beta.f(int);
