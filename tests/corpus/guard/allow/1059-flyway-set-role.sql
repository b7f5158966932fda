-- shared: role_change
SET ROLE 'tenant_alpha'
