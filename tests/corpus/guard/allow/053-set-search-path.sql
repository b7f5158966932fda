-- allow
SET search_path TO tenant_alpha, global, pg_catalog, pg_temp, "$user";
