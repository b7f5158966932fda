-- allow
SET search_path TO tenant_alpha
