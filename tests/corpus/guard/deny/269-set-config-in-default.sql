-- deny: role_change
CREATE TABLE x (c text DEFAULT set_config('role', 'tenant_beta', false));
