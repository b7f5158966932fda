-- deny: role_management
ALTER ROLE tenant_alpha SET role = 'tenant_beta';
