-- allow
SELECT set_config('search_path', 'tenant_alpha, "global"', true);
