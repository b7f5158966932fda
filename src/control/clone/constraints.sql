-- Constraints and indexes of the relations $1 of the schema $2, made in the schema $3. Indexes of partitioned tables are made without their
-- partitions' and those attached to them, so that all have the names of the originals.
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind, c.relispartition, c.relnamespace,
           CASE WHEN c.relkind IN ('r', 'p') THEN 'TABLE ONLY ' ELSE 'TABLE ' END AS only
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('r', 'p', 'm')
),
con AS (
    SELECT k.*, c.relname, c.relkind, c.relispartition
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid OFFSET 0) AS k
),
ind AS (
    SELECT i.oid, i.relname, i.relispartition, i.reloptions, x.indrelid, c.relname AS of_name, k.oid AS constraint_oid
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid OFFSET 0) AS x
         JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
         LEFT JOIN con k ON k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')
)
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid AS class, k.oid AS object, 47 AS phase,
       pg_catalog.format('check %s of table %s', k.conname, k.relname) AS name,
       -- Not ONLY: what inherits has it from here.
       pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $3, k.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) AS statement,
       NULL::pg_catalog.text AS compared, true AS checked
FROM con k
WHERE k.contype = 'c' AND (k.conislocal OR k.relispartition)
  -- The others are in CREATE TABLE.
  AND (NOT k.convalidated OR EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid
        AND (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
             OR d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> k.conrelid)
      OFFSET 0))
UNION ALL
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 60,
       pg_catalog.format('constraint %s of table %s', k.conname, k.relname),
       pg_catalog.format('ALTER TABLE ONLY %I.%I ADD CONSTRAINT %I %s', $3, k.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)),
       NULL, true
FROM con k WHERE k.contype IN ('p', 'u', 'x')
UNION ALL
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 64,
       pg_catalog.format('foreign key %s of table %s', k.conname, k.relname),
       pg_catalog.format('ALTER TABLE %s%I.%I ADD CONSTRAINT %I %s', CASE k.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END,
           $3, k.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid)),
       NULL, true
FROM con k WHERE k.contype = 'f' AND k.conparentid = 0
UNION ALL
-- Pretty, because only then the table's name is written without its schema.
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.oid, 62, 'index ' || i.relname,
       pg_catalog.pg_get_indexdef(i.oid, 0, true), NULL, true
FROM ind i WHERE i.constraint_oid IS NULL
UNION ALL
SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, i.constraint_oid, 61, 'options of index ' || i.relname,
       pg_catalog.format('ALTER INDEX %I.%I SET (%s)', $3, i.relname,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                       pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') FROM pg_catalog.unnest(i.reloptions) o)),
       NULL, true
FROM ind i WHERE i.constraint_oid IS NOT NULL AND i.reloptions IS NOT NULL
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.oid, 63, 'columns of index ' || i.relname,
       pg_catalog.format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', $3, i.relname, a.attnum, a.attstattarget),
       NULL, true
FROM ind i CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.oid OFFSET 0) AS a WHERE a.attstattarget >= 0
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.oid, 65, 'index ' || i.relname || ' of a partition',
       pg_catalog.format('ALTER INDEX %I.%I ATTACH PARTITION %I.%I', $3, p.relname, $3, i.relname),
       NULL, true
FROM ind i CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.oid OFFSET 0) AS h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
WHERE i.relispartition
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, x.indrelid, 93, 'order of table ' || i.of_name,
       pg_catalog.format('ALTER TABLE %I.%I CLUSTER ON %I', $3, i.of_name, i.relname), NULL, true
FROM ind i CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_index x WHERE x.indexrelid = i.oid OFFSET 0) AS x WHERE x.indisclustered
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 93, 'replica identity of table ' || c.relname,
       pg_catalog.format('ALTER TABLE ONLY %I.%I REPLICA IDENTITY %s', $3, c.relname,
           CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
               ELSE (SELECT pg_catalog.format('USING INDEX %I', i.relname) FROM ind i CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_index x WHERE x.indexrelid = i.oid OFFSET 0) AS x
                     WHERE i.indrelid = c.oid AND x.indisreplident) END),
       NULL, true
FROM relation c JOIN pg_catalog.pg_class r ON r.oid = c.oid WHERE c.relkind IN ('r', 'p') AND r.relreplident <> 'd'
