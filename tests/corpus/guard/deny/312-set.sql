-- deny: search_path
SET search_path = tenant_beta;
