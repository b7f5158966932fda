-- deny: search_path
SELECT set_config('SEARCH_PATH', 'TENANT_BETA', true);
