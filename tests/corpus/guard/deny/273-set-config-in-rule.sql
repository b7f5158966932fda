-- deny: role_change
CREATE RULE r AS ON INSERT TO customers DO ALSO SELECT set_config('role', 'tenant_beta', false);
