-- deny: role_change
CREATE VIEW v AS SELECT set_config('role', 'tenant_beta', false);
