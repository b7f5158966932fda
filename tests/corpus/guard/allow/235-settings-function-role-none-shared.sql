-- shared: role_change
ALTER FUNCTION f() SET role TO none;
