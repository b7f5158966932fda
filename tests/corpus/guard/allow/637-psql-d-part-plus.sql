-- allow
SELECT pg_catalog.pg_get_partkeydef('16509'::pg_catalog.oid);
