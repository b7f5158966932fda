-- deny: role_management
ALTER ROLE tenant_alpha RESET ALL;
