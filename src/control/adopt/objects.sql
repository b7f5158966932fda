-- What is in the schema $1 and does not belong to the role $2: who it belongs to, what it is, and the statement that gives it to
-- the role; without one where PostgreSQL has none that fits. Not what goes with its table, nor what belongs to an extension.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
new AS (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $2),
found (class, id, owner, statement) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, c.relowner,
           pg_catalog.format('ALTER %s %I.%I OWNER TO %I',
               CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                    WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, $1::text, c.relname, $2::text)
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM place) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                        AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.proowner,
           pg_catalog.format('ALTER ROUTINE %s OWNER TO %I', p.oid::pg_catalog.regprocedure, $2::text)
    FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner,
           pg_catalog.format('ALTER TYPE %I.%I OWNER TO %I', $1::text, t.typname, $2::text)
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE t.typnamespace IN (SELECT oid FROM place) AND t.typtype IN ('c', 'd', 'e', 'r')
      AND COALESCE(c.relkind, 'c') = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, o.oprowner,
           pg_catalog.format('ALTER OPERATOR %s OWNER TO %I', o.oid::pg_catalog.regoperator, $2::text)
    FROM pg_catalog.pg_operator o WHERE o.oprnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, s.stxowner,
           pg_catalog.format('ALTER STATISTICS %I.%I OWNER TO %I', $1::text, s.stxname, $2::text)
    FROM pg_catalog.pg_statistic_ext s WHERE s.stxnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, c.collowner,
           pg_catalog.format('ALTER COLLATION %I.%I OWNER TO %I', $1::text, c.collname, $2::text)
    FROM pg_catalog.pg_collation c WHERE c.collnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, c.oid, c.cfgowner,
           pg_catalog.format('ALTER TEXT SEARCH CONFIGURATION %I.%I OWNER TO %I', $1::text, c.cfgname, $2::text)
    FROM pg_catalog.pg_ts_config c WHERE c.cfgnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, d.oid, d.dictowner,
           pg_catalog.format('ALTER TEXT SEARCH DICTIONARY %I.%I OWNER TO %I', $1::text, d.dictname, $2::text)
    FROM pg_catalog.pg_ts_dict d WHERE d.dictnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, o.opcowner, NULL
    FROM pg_catalog.pg_opclass o WHERE o.opcnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, o.opfowner, NULL
    FROM pg_catalog.pg_opfamily o WHERE o.opfnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, c.conowner, NULL
    FROM pg_catalog.pg_conversion c WHERE c.connamespace IN (SELECT oid FROM place)
)
SELECT pg_catalog.pg_get_userbyid(f.owner)::text, pg_catalog.pg_describe_object(f.class, f.id, 0), f.statement
FROM found f
WHERE NOT EXISTS (SELECT FROM new WHERE new.oid = f.owner)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = f.class AND d.objid = f.id AND d.deptype = 'e')
ORDER BY 2
