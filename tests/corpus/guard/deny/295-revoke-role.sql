-- deny: role_management
REVOKE tenant_beta FROM tenant_alpha;
