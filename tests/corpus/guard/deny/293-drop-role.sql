-- deny: role_management
DROP ROLE tenant_beta;
