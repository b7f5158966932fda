-- deny: role_change
CREATE DOMAIN d AS text CHECK (set_config('role', 'tenant_beta', false) = '');
