-- deny: search_path
SET search_path = 'tenant_alpha, tenant_beta';
