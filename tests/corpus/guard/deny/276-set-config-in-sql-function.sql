-- deny: role_change
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('role', 'tenant_beta', false) $$;
