-- deny: setting
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT set_config('trace_sort', 'on', false) $$;
