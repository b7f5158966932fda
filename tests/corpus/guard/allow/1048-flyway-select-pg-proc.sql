-- allow
SELECT proname, oidvectortypes(proargtypes) AS args, pg_proc.prokind = 'a' as agg, pg_proc.prokind = 'p' as proc FROM pg_proc INNER JOIN pg_namespace ns ON (pg_proc.pronamespace = ns.oid) LEFT JOIN pg_depend dep ON dep.objid = pg_proc.oid AND dep.deptype = 'e' WHERE ns.nspname = $1 AND dep.objid IS NULL
