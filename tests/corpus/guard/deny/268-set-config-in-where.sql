-- deny: role_change
SELECT * FROM customers WHERE set_config('role', 'tenant_beta', false) IS NOT NULL;
