-- deny: role_management
ALTER ROLE tenant_beta RENAME TO x;
