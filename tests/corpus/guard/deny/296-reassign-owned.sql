-- deny: role_management
REASSIGN OWNED BY tenant_beta TO tenant_alpha;
