-- allow
SELECT e.enumlabel, NULL::pg_catalog.text FROM pg_catalog.pg_enum e, pg_catalog.pg_type t WHERE t.oid = e.enumtypid AND (e.enumlabel) LIKE '%' AND t.typname = 'colour' AND pg_catalog.pg_type_is_visible(t.oid)
LIMIT 1000
