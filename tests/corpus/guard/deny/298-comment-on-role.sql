-- deny: role_management
COMMENT ON ROLE tenant_beta IS 'x';
