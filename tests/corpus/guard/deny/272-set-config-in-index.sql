-- deny: role_change
CREATE INDEX ON customers (set_config('role', 'tenant_beta', false));
