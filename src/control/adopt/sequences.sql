-- Columns of the schema $1 that take their numbers from a sequence elsewhere, as LIKE … INCLUDING ALL leaves them: what it is, and
-- the statements that give each a sequence of its own, which goes on where the column is. The lock on the table comes first.
SELECT pg_catalog.format('column %s of table %s.%s takes its numbers from sequence %s.%s', a.attname, $1::text, c.relname, m.nspname, s.relname),
    pg_catalog.format(
        'LOCK TABLE %1$I.%2$I IN ACCESS EXCLUSIVE MODE; '
        'CREATE SEQUENCE %1$I.%3$I AS %4$s INCREMENT BY %5$s MINVALUE %6$s MAXVALUE %7$s START WITH %8$s CACHE %9$s %10$s; '
        'ALTER SEQUENCE %1$I.%3$I OWNER TO %14$I; ALTER SEQUENCE %1$I.%3$I OWNED BY %1$I.%2$I.%11$I; '
        'ALTER TABLE %1$I.%2$I ALTER COLUMN %11$I SET DEFAULT pg_catalog.nextval(%12$L::pg_catalog.regclass); '
        'SELECT pg_catalog.setval(%12$L::pg_catalog.regclass, pg_catalog.%13$s(%11$I)) FROM %1$I.%2$I WHERE %11$I BETWEEN %6$s AND %7$s '
        'HAVING pg_catalog.%13$s(%11$I) IS NOT NULL',
        $1::text, c.relname, x.name, pg_catalog.format_type(q.seqtypid, NULL), q.seqincrement, q.seqmin, q.seqmax, q.seqstart,
        q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END, a.attname,
        pg_catalog.format('%I.%I', $1::text, x.name),
        CASE WHEN q.seqincrement < 0 THEN 'min' ELSE 'max' END, pg_catalog.pg_get_userbyid(c.relowner))
FROM pg_catalog.pg_attrdef f
    JOIN pg_catalog.pg_class c ON c.oid = f.adrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
    JOIN pg_catalog.pg_namespace m ON m.oid = s.relnamespace
    CROSS JOIN LATERAL (
        -- As PostgreSQL names it, numbered where that is taken.
        SELECT b.name || e.number AS name
        FROM (SELECT pg_catalog.left(c.relname, 29) || '_' || pg_catalog.left(a.attname, 28) || '_seq' AS name) b,
             (SELECT '' UNION ALL SELECT g::text FROM pg_catalog.generate_series(1, 99) g) e (number)
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.relnamespace = n.oid AND o.relname = b.name || e.number)
        ORDER BY pg_catalog.length(e.number), e.number LIMIT 1) x
WHERE n.nspname = $1 AND m.nspname <> $1 AND a.attgenerated = ''
  AND pg_catalog.pg_get_expr(f.adbin, f.adrelid) ~ '^(pg_catalog\.)?nextval\(''[^'']*''::regclass\)$'
ORDER BY c.relname, a.attnum
