-- allow
SELECT tbl.relname AS table_name, namespace.nspname as namespace, (tbl.relhassubclass and tbl.relkind = 'p') as is_partition, obj_description(tbl.oid, 'pg_class') AS description
FROM pg_class AS tbl INNER JOIN pg_namespace AS namespace ON namespace.oid = tbl.relnamespace
WHERE (tbl.relkind = 'r' OR tbl.relkind = 'p') AND namespace.nspname = ANY ( $1 ) ORDER BY namespace, table_name;
