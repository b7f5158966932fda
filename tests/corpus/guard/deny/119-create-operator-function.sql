-- deny: cross_schema
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = tenant_beta.f);
