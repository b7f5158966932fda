-- Views, materialized views and extended statistics among $1 (relations) and $5 (statistics) of the schema $2, made in the schema $3.
-- A materialized view that has been filled is filled, at the very end, when all that it may call is there.
WITH view AS (
    SELECT c.*, pg_catalog.format('%I.%I', $3, c.relname) AS here,
           pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';') AS definition,
           (SELECT ' WITH (' || pg_catalog.string_agg(pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                       pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
            FROM pg_catalog.unnest(c.reloptions) o) AS options
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('m', 'v')
)
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class, v.oid AS object, 70 AS phase,
       CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || v.relname AS name,
       CASE v.relkind WHEN 'm' THEN
           pg_catalog.concat('CREATE MATERIALIZED VIEW ', v.here,
               (SELECT pg_catalog.format(' USING %I', m.amname) FROM pg_catalog.pg_am m
                WHERE m.oid = v.relam AND m.amname <> pg_catalog.current_setting('default_table_access_method')),
               v.options, ' AS ', v.definition, ' WITH NO DATA')
       ELSE
           pg_catalog.concat('CREATE VIEW ', v.here, v.options, ' AS ', v.definition)
       END AS statement,
       NULL::pg_catalog.text AS compared, true AS checked
FROM view v
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, v.oid, 71, 'columns of materialized view ' || v.relname,
       pg_catalog.format('ALTER MATERIALIZED VIEW %s %s', v.here, pg_catalog.string_agg(
           pg_catalog.format('ALTER COLUMN %I %s', a.attname, x.change), ', ' ORDER BY a.attnum, x.change)),
       NULL, true
FROM view v CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_attribute a WHERE a.attrelid = v.oid AND a.attnum > 0 OFFSET 0) AS a
     JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
CROSS JOIN LATERAL (
    SELECT 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END
    WHERE a.attstorage <> y.typstorage
    UNION ALL
    SELECT 'SET COMPRESSION ' || CASE pg_catalog.to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END
    WHERE pg_catalog.to_jsonb(a) ->> 'attcompression' <> ''
    UNION ALL
    SELECT 'SET STATISTICS ' || a.attstattarget WHERE a.attstattarget >= 0
    UNION ALL
    -- pg_attver is the server's own count of a column's changes, since the minor versions of November 2026.
    SELECT 'SET (' || pg_catalog.string_agg(pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                          pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'
    FROM pg_catalog.unnest(a.attoptions) o WHERE NOT pg_catalog.starts_with(o, 'pg_attver=') HAVING pg_catalog.count(*) > 0
) AS x (change)
WHERE v.relkind = 'm'
GROUP BY v.oid, v.relname, v.here
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, v.oid, 99, 'rows of materialized view ' || v.relname,
       'REFRESH MATERIALIZED VIEW ' || v.here, NULL, true
FROM view v WHERE v.relkind = 'm' AND v.relispopulated
UNION ALL
-- The server writes its schema's name in any case: it is cut off, and the text is none if it is not as expected.
SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, 80, 'statistics object ' || s.stxname,
       CASE WHEN pg_catalog.starts_with(x.definition, x.head)
           THEN pg_catalog.format('CREATE STATISTICS %I.%I%s', $3, s.stxname, pg_catalog.substr(x.definition, pg_catalog.length(x.head) + 1)) END,
       NULL, true
FROM pg_catalog.pg_statistic_ext s
CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_get_statisticsobjdef(s.oid),
           pg_catalog.format('CREATE STATISTICS %s.%I', s.stxnamespace::pg_catalog.regnamespace, s.stxname)) AS x (definition, head)
WHERE s.oid = ANY ($5)
UNION ALL
SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, 81, 'target of statistics object ' || s.stxname,
       pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', $3, s.stxname, s.stxstattarget), NULL, true
FROM pg_catalog.pg_statistic_ext s WHERE s.oid = ANY ($5) AND s.stxstattarget >= 0
