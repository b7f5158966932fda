-- Routines that would be a hole in the wall around the schema $1, once its owner until now, $2, has the rights of all tenants:
-- what, and what to do. Those of extensions are the operator's.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
candidate AS (
    SELECT p.*, n.nspname, l.lanname, l.lanpltrusted
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT pg_catalog.format('%s is in language %s, which is bound by no rights; drop it',
                         pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, c.oid, 0), c.lanname)
FROM candidate c
WHERE c.pronamespace IN (SELECT oid FROM place) AND NOT c.lanpltrusted AND c.lanname <> 'sql'
UNION ALL
SELECT pg_catalog.format('%s runs with the rights of %s, whichever tenant calls it: REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, '
                         'or make it SECURITY INVOKER',
                         pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, c.oid, 0), $2::text,
                         c.oid::pg_catalog.regprocedure)
FROM candidate c
WHERE c.prosecdef AND c.nspname <> $1 AND NOT pg_catalog.starts_with(c.nspname::text, 'pgtenant')
  AND pg_catalog.pg_get_userbyid(c.proowner) = $2
  AND pg_catalog.has_schema_privilege('public', c.pronamespace, 'USAGE')
  AND pg_catalog.has_function_privilege('public', c.oid, 'EXECUTE')
ORDER BY 1
