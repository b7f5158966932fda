-- deny: cross_schema
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = f, COMMUTATOR = OPERATOR(tenant_beta.===));
