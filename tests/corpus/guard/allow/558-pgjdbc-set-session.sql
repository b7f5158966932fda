-- allow
SET SESSION search_path TO 'tenant_alpha'
