-- deny: role_management
ALTER ROLE ALL SET search_path = tenant_beta;
