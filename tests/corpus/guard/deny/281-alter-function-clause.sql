-- deny: role_change
ALTER FUNCTION f() SET "Role" TO tenant_beta;
