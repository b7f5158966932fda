-- deny: cross_schema
CREATE AGGREGATE a (int) (SFUNC = tenant_beta.f, STYPE = int);
