-- deny: role_change
SELECT set_config('ro' || 'le', 'tenant_beta', false);
