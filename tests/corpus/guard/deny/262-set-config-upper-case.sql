-- deny: role_change
SELECT set_config('ROLE', 'tenant_beta', false);
