-- deny: role_change
SELECT set_config(E'r\x6fle', 'tenant_beta', false);
