-- deny: role_change
SELECT set_config('role', 'tenant_beta', false);
