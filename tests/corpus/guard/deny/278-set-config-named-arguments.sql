-- deny: role_change
SELECT set_config(setting_name => 'role', new_value => 'tenant_beta', is_local => false);
