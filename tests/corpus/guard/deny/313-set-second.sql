-- deny: search_path
SET search_path TO tenant_alpha, tenant_beta;
