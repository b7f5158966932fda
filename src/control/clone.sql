-- The statements that make a clone of the template ($1) in the schema $2 for the role $3, in order.
-- Run it under search_path = <template>: the server then writes definitions without schema names, and
-- executing them under search_path = <new schema> makes them the new schema's own. `definition` is what
-- the server wrote, for a check that it does not name the template all the same; a row without statement
-- is for that check only (CREATE TABLE … LIKE carries it).
WITH template AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1
),
relation AS (
    SELECT c.oid, c.relname, c.relkind, c.reloptions,
           CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END AS unlogged,
           (SELECT pg_catalog.string_agg(
                       pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                                         pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ')
            FROM pg_catalog.unnest(c.reloptions) o) AS options
    FROM pg_catalog.pg_class c JOIN template t ON t.oid = c.relnamespace
),
tab AS (
    SELECT * FROM relation WHERE relkind = 'r'
),
-- Sequences of serial columns (deptype a), of identity columns (i), and on their own.
seq AS (
    SELECT r.oid, r.relname, r.unlogged, s.*, d.deptype, c.relname AS owner_table, a.attname AS owner_column,
           a.attidentity,
           pg_catalog.format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %s',
               s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
               CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS settings
    FROM relation r
         JOIN pg_catalog.pg_sequence s ON s.seqrelid = r.oid
         LEFT JOIN pg_catalog.pg_depend d
             ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
            AND d.deptype IN ('a', 'i')
         LEFT JOIN tab c ON c.oid = d.refobjid
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
),
con AS (
    SELECT k.oid, k.conname, k.contype, k.conindid, c.relname, pg_catalog.pg_get_constraintdef(k.oid) AS definition
    FROM pg_catalog.pg_constraint k JOIN tab c ON c.oid = k.conrelid
    WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
),
step (phase, name, statement, definition) AS (
    SELECT 1, relname::text,
           pg_catalog.format('CREATE %sSEQUENCE %I.%I AS %s %s',
               unlogged, $2::text, relname, pg_catalog.format_type(seqtypid, NULL), settings),
           ''
    FROM seq WHERE deptype IS DISTINCT FROM 'i'
    UNION ALL
    SELECT 2, relname,
           pg_catalog.format('CREATE %sTABLE %I.%I (LIKE %I.%I INCLUDING ALL'
               ' EXCLUDING DEFAULTS EXCLUDING IDENTITY EXCLUDING INDEXES)%s',
               unlogged, $2::text, relname, $1::text, relname, ' WITH (' || options || ')'),
           ''
    FROM tab
    UNION ALL
    SELECT 3, c.relname || '.' || a.attname,
           CASE WHEN a.attgenerated = '' THEN
               pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT %s',
                   $2::text, c.relname, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid))
           END,
           pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    FROM tab c
         JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid
         JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT 4, relname,
           pg_catalog.format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I',
               $2::text, relname, $2::text, owner_table, owner_column),
           ''
    FROM seq WHERE deptype = 'a'
    UNION ALL
    -- LIKE would carry identity too, but (in version 15) with another name and type of the sequence.
    SELECT 4, relname,
           pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I %s)',
               $2::text, owner_table, owner_column, CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
               $2::text, relname, settings),
           ''
    FROM seq WHERE deptype = 'i'
    UNION ALL
    SELECT CASE contype WHEN 'f' THEN 8 ELSE 5 END, relname || '.' || conname,
           CASE WHEN contype <> 'c' THEN
               pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $2::text, relname, conname, definition)
           END,
           definition
    FROM con
    UNION ALL
    SELECT 6, r.relname, pg_catalog.format('ALTER INDEX %I.%I SET (%s)', $2::text, r.relname, r.options), ''
    FROM con JOIN relation r ON r.oid = con.conindid
    WHERE con.contype <> 'f' AND r.options IS NOT NULL
    UNION ALL
    -- Pretty, because only then the table's name is written without its schema.
    SELECT 7, r.relname, x.definition, x.definition
    FROM relation r
         JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid
         CROSS JOIN LATERAL pg_catalog.pg_get_indexdef(r.oid, 0, true) AS x (definition)
    WHERE r.oid NOT IN (SELECT conindid FROM con WHERE contype <> 'f')
    UNION ALL
    SELECT 9, r.relname,
           pg_catalog.format('COMMENT ON %s %I.%I IS %L',
               CASE r.relkind WHEN 'r' THEN 'TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END,
               $2::text, r.relname, pg_catalog.obj_description(r.oid, 'pg_class')),
           ''
    FROM relation r
    WHERE r.relkind IN ('r', 'S', 'i') AND pg_catalog.obj_description(r.oid, 'pg_class') IS NOT NULL
    UNION ALL
    SELECT 9, relname || '.' || conname,
           pg_catalog.format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L',
               conname, $2::text, relname, pg_catalog.obj_description(oid, 'pg_constraint')),
           ''
    FROM con
    WHERE contype <> 'c' AND pg_catalog.obj_description(oid, 'pg_constraint') IS NOT NULL
    UNION ALL
    -- Indexes, and the sequences of columns, go with their tables.
    SELECT 10, relname, pg_catalog.format('ALTER TABLE %I.%I OWNER TO %I', $2::text, relname, $3::text), ''
    FROM tab
    UNION ALL
    SELECT 10, relname, pg_catalog.format('ALTER SEQUENCE %I.%I OWNER TO %I', $2::text, relname, $3::text), ''
    FROM seq WHERE deptype IS NULL
)
SELECT statement, definition, name FROM step ORDER BY phase, name
