-- allow
SELECT con.conname, NULL::pg_catalog.text FROM pg_catalog.pg_constraint con, pg_catalog.pg_class c1 WHERE con.conrelid=c1.oid AND (con.conname) LIKE '%' AND c1.relname = 'customers' AND pg_catalog.pg_table_is_visible(c1.oid)
LIMIT 1000
