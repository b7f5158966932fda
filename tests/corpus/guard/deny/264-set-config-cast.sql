-- deny: role_change
SELECT set_config('role'::text, 'tenant_beta', false);
