-- allow
SELECT pg_catalog.pg_get_viewdef('16501'::pg_catalog.oid, true);
