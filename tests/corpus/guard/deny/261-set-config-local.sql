-- deny: role_change
SELECT pg_catalog.set_config('role', 'tenant_beta', true);
