-- What is in the schema $1, in an order in which it can be dropped: the statement, and how many locks it takes, about. Without
-- what goes with its table.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
relation AS (
    SELECT c.* FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM place) AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                        AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
)
-- Itself, its TOAST table with its index, its row type and the array of that. A foreign key has four triggers, and locks the
-- other table.
SELECT pg_catalog.format('DROP %s IF EXISTS %I.%I CASCADE',
           CASE r.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, $1::text, r.relname),
       (5 + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = r.oid)
          + (SELECT COALESCE(pg_catalog.sum(CASE k.contype WHEN 'f' THEN 6 ELSE 1 END), 0)
             FROM pg_catalog.pg_constraint k WHERE r.oid IN (k.conrelid, k.confrelid))
          + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = r.oid AND NOT t.tgisinternal)
          + (SELECT 3 * pg_catalog.count(*) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = r.oid)
          + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid = r.oid))::pg_catalog.int8,
       CASE WHEN r.relkind IN ('v', 'm') THEN 1 WHEN r.relispartition THEN 2 ELSE 3 END AS phase, r.relname::text
FROM relation r
UNION ALL
SELECT pg_catalog.format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::pg_catalog.regprocedure), 1, 4, p.proname::text
FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM place)
UNION ALL
SELECT pg_catalog.format('DROP TYPE IF EXISTS %I.%I CASCADE', $1::text, t.typname), 3, 5, t.typname::text
FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace IN (SELECT oid FROM place) AND t.typelem = 0 AND COALESCE(c.relkind, 'c') = 'c'
  AND t.typtype IN ('c', 'd', 'e', 'r')
ORDER BY 3, 4
