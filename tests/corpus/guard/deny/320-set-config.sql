-- deny: search_path
SELECT set_config('search_path', 'tenant_alpha, tenant_beta', false);
