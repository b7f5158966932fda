-- deny: role_management
GRANT tenant_beta TO tenant_alpha;
