-- deny: search_path
SET LOCAL search_path = tenant_beta;
