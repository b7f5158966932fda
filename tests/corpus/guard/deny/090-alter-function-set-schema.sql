-- deny: cross_schema
ALTER FUNCTION f(int) SET SCHEMA tenant_beta;
