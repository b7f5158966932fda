-- deny: cross_schema
CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM tenant_beta.customers; END;
