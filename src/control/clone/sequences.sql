-- Sequences among $1, made in the schema $3: of serial columns (deptype a), of identity columns (i), and on their own.
-- They begin at their start: what the original counted is not carried.
WITH seq AS (
    SELECT r.oid, r.relname, s.*, d.deptype, c.relname AS owner_table, a.attname AS owner_column, a.attidentity,
           CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END AS unlogged,
           pg_catalog.format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s',
               s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
               CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS settings
    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid
         LEFT JOIN pg_catalog.pg_depend d
             ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
            AND d.deptype IN ('a', 'i')
         LEFT JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relnamespace = $2
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE r.oid = ANY ($1) AND r.relkind = 'S'
)
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class, s.oid AS object, 30 AS phase,
       'sequence ' || s.relname AS name,
       pg_catalog.format('CREATE %sSEQUENCE %I.%I AS %s %s', s.unlogged, $3, s.relname,
           pg_catalog.format_type(s.seqtypid, NULL), s.settings) AS statement,
       NULL::pg_catalog.text AS compared, true AS checked
FROM seq s WHERE s.deptype IS DISTINCT FROM 'i'
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, s.oid, 46, 'owner of sequence ' || s.relname,
       pg_catalog.format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', $3, s.relname, $3, s.owner_table, s.owner_column),
       NULL, true
FROM seq s WHERE s.deptype = 'a' AND s.owner_table IS NOT NULL
UNION ALL
-- LIKE would carry identity too, but (in version 15) with another name and type of the sequence.
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, s.oid, 46, 'sequence ' || s.relname,
       pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I %s)',
           $3, s.owner_table, s.owner_column, CASE s.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
           $3, s.relname, s.settings),
       NULL, true
FROM seq s WHERE s.deptype = 'i' AND s.owner_table IS NOT NULL
