-- allow
SELECT pg_catalog.pg_get_viewdef('16547'::pg_catalog.oid) AS viewdef
