-- deny: role_change
CREATE TABLE x (c text CHECK (set_config('role', 'tenant_beta', false) = ''));
