-- deny: search_path
ALTER FUNCTION f() SET search_path = tenant_beta, pg_temp;
