-- What of the schema $1 names that schema in a text, which ALTER SCHEMA … RENAME does not change: one line each.
-- Run it under search_path = <that schema>: what is bound by OID is then written without it.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
word (pattern) AS (SELECT '\m' || pg_catalog.regexp_replace($1, '([^[:alnum:]_])', '\\\1', 'g') || '\M'),
found (class, object, body) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid,
           pg_catalog.concat_ws(' ', p.prosrc, pg_catalog.array_to_string(p.proconfig, ' '))
    FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef', d.oid, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
    WHERE c.relnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_constraint', k.oid, pg_catalog.pg_get_constraintdef(k.oid)
    FROM pg_catalog.pg_constraint k WHERE k.connamespace IN (SELECT oid FROM place) AND k.contype = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_trigger', t.oid, pg_catalog.pg_get_triggerdef(t.oid, true)
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_class', c.oid, pg_catalog.pg_get_viewdef(c.oid, true)
    FROM pg_catalog.pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_policy', p.oid,
           pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
                                pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace IN (SELECT oid FROM place)
)
SELECT pg_catalog.pg_describe_object(f.class, f.object, 0)
FROM found f, word w WHERE f.body ~ w.pattern ORDER BY 1
