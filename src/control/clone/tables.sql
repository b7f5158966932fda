-- Tables among $1 of the schema $2, made in the schema $3, without what stands apart: constraints but for simple checks,
-- identity, indexes, rules, triggers, policies. A partition is made like any table and attached when its checks are there, so that its
-- columns keep their order.
WITH tab AS (
    SELECT c.*, pg_catalog.format('%I.%I', $3, c.relname) AS here
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('r', 'p') AND c.reloftype = 0
),
-- A default or a check that calls a function, or names a relation other than a sequence, waits until all tables are there.
inline AS (
    SELECT a.*, pg_catalog.pg_get_expr(a.adbin, a.adrelid) AS expression
    FROM pg_catalog.pg_attrdef a
    WHERE a.adrelid IN (SELECT t.oid FROM tab t)
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_class r
              ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.oid = d.refobjid
          WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = a.oid
            AND (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass OR r.relkind <> 'S' AND r.oid <> a.adrelid)
          OFFSET 0)
),
checks AS (
    SELECT k.conrelid, pg_catalog.string_agg(
               pg_catalog.format(', CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), ''
               ORDER BY k.conname) AS list
    FROM tab t CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid OFFSET 0) AS k
    WHERE k.contype = 'c' AND (k.conislocal OR t.relispartition) AND k.convalidated
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid
            AND (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                 OR d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> k.conrelid)
          OFFSET 0)
    GROUP BY k.conrelid
),
col AS (
    SELECT t.oid, t.relkind, t.relname, t.relispartition, a.*, i.expression, y.typstorage,
           -- What is inherited comes from the parent, but for what differs.
           a.attislocal OR t.relispartition AS written,
           l.collname, l.collnamespace, pg_catalog.to_jsonb(a) ->> 'attcompression' AS compression
    FROM tab t CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped OFFSET 0) AS a
         JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
         LEFT JOIN inline i ON i.adrelid = t.oid AND i.adnum = a.attnum
         LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation AND a.attcollation <> y.typcollation
),
columns AS (
    SELECT c.attrelid, pg_catalog.string_agg(pg_catalog.quote_ident(c.attname), ',' ORDER BY c.attnum) AS names,
           pg_catalog.string_agg(
               pg_catalog.concat(
                   pg_catalog.format('%I %s', c.attname, pg_catalog.format_type(c.atttypid, c.atttypmod)),
                   ' COMPRESSION ' || CASE c.compression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
                   ' COLLATE ' || CASE WHEN c.collnamespace = $2 THEN pg_catalog.format('%I.%I', $3, c.collname)
                       ELSE c.collnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || pg_catalog.quote_ident(c.collname) END,
                   CASE WHEN c.attgenerated = '' THEN ' DEFAULT ' || c.expression
                   -- In any case here: it cannot be added later.
                   ELSE (SELECT pg_catalog.format(' GENERATED ALWAYS AS (%s)%s', pg_catalog.pg_get_expr(g.adbin, g.adrelid),
                             CASE c.attgenerated WHEN 's' THEN ' STORED' END)
                         FROM pg_catalog.pg_attrdef g WHERE g.adrelid = c.attrelid AND g.adnum = c.attnum) END,
                   CASE WHEN c.attnotnull THEN ' NOT NULL' END),
               ', ' ORDER BY c.attnum) FILTER (WHERE c.written) AS list
    FROM col c GROUP BY c.attrelid
)
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class, t.oid AS object, 40 AS phase,
       'table ' || t.relname AS name,
       pg_catalog.concat(
           'CREATE ', CASE t.relpersistence WHEN 'u' THEN 'UNLOGGED ' END, 'TABLE ', t.here, ' (',
           -- A table may have checks and no columns.
           pg_catalog.ltrim(pg_catalog.concat(n.list, k.list), ', '), ')',
           CASE WHEN NOT t.relispartition THEN
               (SELECT ' INHERITS (' || pg_catalog.string_agg(pg_catalog.format('%I.%I', $3, p.relname), ', ' ORDER BY h.inhseqno) || ')'
                FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent WHERE h.inhrelid = t.oid)
           END,
           ' PARTITION BY ' || CASE WHEN t.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(t.oid) END,
           (SELECT pg_catalog.format(' USING %I', m.amname) FROM pg_catalog.pg_am m
            WHERE m.oid = t.relam AND m.amname <> pg_catalog.current_setting('default_table_access_method')),
           ' WITH (' || o.list || ')') AS statement,
       -- The order of columns, which what is inherited has in it too.
       pg_catalog.concat(
           n.names, ' ', t.relpersistence, ' (', n.list, k.list, ') ',
           (SELECT pg_catalog.string_agg(p.relname, ', ' ORDER BY h.inhseqno)
            FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent WHERE h.inhrelid = t.oid),
           CASE WHEN t.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(t.oid) END, t.relam, o.list) AS compared,
       true AS checked
FROM tab t LEFT JOIN columns n ON n.attrelid = t.oid LEFT JOIN checks k ON k.conrelid = t.oid
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(
        pg_catalog.format('%s%I = %L', x.kind, pg_catalog.split_part(x.o, '=', 1), pg_catalog.substr(x.o, pg_catalog.strpos(x.o, '=') + 1)),
        ', ')
    FROM (SELECT '', o FROM pg_catalog.unnest(t.reloptions) o
          UNION ALL
          SELECT 'toast.', o FROM pg_catalog.pg_class s, pg_catalog.unnest(s.reloptions) o WHERE s.oid = t.reltoastrelid) AS x (kind, o)
) AS o (list)
UNION ALL
-- What of a column CREATE TABLE does not say.
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.oid, 44, 'columns of table ' || t.relname,
       pg_catalog.format('ALTER TABLE ONLY %s %s', t.here, pg_catalog.string_agg(
           pg_catalog.format('ALTER COLUMN %I %s', c.attname, x.change), ', ' ORDER BY c.attnum, x.change)),
       NULL, true
FROM tab t JOIN col c ON c.attrelid = t.oid
CROSS JOIN LATERAL (
    SELECT 'SET STORAGE ' || CASE c.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END
    WHERE c.attstorage <> c.typstorage
    UNION ALL
    SELECT 'SET STATISTICS ' || c.attstattarget WHERE c.attstattarget >= 0
    UNION ALL
    -- pg_attver is the server's own count of a column's changes, since the minor versions of November 2026.
    SELECT 'SET (' || pg_catalog.string_agg(pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                          pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
    FROM pg_catalog.unnest(c.attoptions) o WHERE NOT pg_catalog.starts_with(o, 'pg_attver=') HAVING pg_catalog.count(*) > 0
    UNION ALL
    SELECT 'SET NOT NULL' WHERE NOT c.written AND c.attnotnull
    UNION ALL
    SELECT 'DROP DEFAULT' WHERE NOT c.written AND c.attgenerated = '' AND NOT c.atthasdef AND c.attidentity = ''
) AS x (change)
GROUP BY t.oid, t.relname, t.here
UNION ALL
-- Of views too.
SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid, 45, pg_catalog.format('default of %s.%s', r.relname, a.attname),
       pg_catalog.format('ALTER %s %I.%I ALTER COLUMN %I SET DEFAULT %s', CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE ONLY' END,
           $3, r.relname, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)),
       NULL, true
FROM pg_catalog.pg_class r CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attrdef d WHERE d.adrelid = r.oid OFFSET 0) AS d
     CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.oid AND a.attnum = d.adnum AND a.attgenerated = '' OFFSET 0) AS a
WHERE r.oid = ANY ($1) AND r.relkind IN ('r', 'p', 'v')
  AND (NOT (a.attislocal OR r.relispartition) OR d.oid NOT IN (SELECT i.oid FROM inline i))
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, t.oid, 50, 'partition ' || t.relname,
       pg_catalog.format('ALTER TABLE ONLY %I.%I ATTACH PARTITION %s %s', $3, p.relname, t.here,
           pg_catalog.pg_get_expr(t.relpartbound, t.oid)),
       NULL, true
FROM tab t CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_inherits h WHERE h.inhrelid = t.oid OFFSET 0) AS h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
WHERE t.relispartition
