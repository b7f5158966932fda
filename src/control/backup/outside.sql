-- What depends on something in the schema $1 and stands outside of it: it would be dropped with the schema.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
inside (class, object) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_proc', p.oid FROM pg_catalog.pg_proc p WHERE p.pronamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_type', t.oid FROM pg_catalog.pg_type t WHERE t.typnamespace IN (SELECT oid FROM place)
),
-- Who depends, as the relation, routine or type that it is a part of.
dependent (class, object, place) AS (
    SELECT d.classid, d.objid, COALESCE(c.relnamespace, rc.relnamespace, ac.relnamespace, kc.relnamespace,
        p.pronamespace, t.typnamespace, gc.relnamespace, pc.relnamespace)
    FROM pg_catalog.pg_depend d JOIN inside i ON d.refclassid = i.class AND d.refobjid = i.object
    LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
    LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
    LEFT JOIN pg_catalog.pg_class rc ON rc.oid = r.ev_class
    LEFT JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid
    LEFT JOIN pg_catalog.pg_class ac ON ac.oid = a.adrelid
    LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
    LEFT JOIN pg_catalog.pg_class kc ON kc.oid = k.conrelid
    LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
    LEFT JOIN pg_catalog.pg_type t ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = d.objid
    LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = d.objid
    LEFT JOIN pg_catalog.pg_class gc ON gc.oid = g.tgrelid
    LEFT JOIN pg_catalog.pg_policy o ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND o.oid = d.objid
    LEFT JOIN pg_catalog.pg_class pc ON pc.oid = o.polrelid
)
SELECT DISTINCT pg_catalog.pg_describe_object(d.class, d.object, 0)
FROM dependent d JOIN pg_catalog.pg_namespace n ON n.oid = d.place
WHERE n.nspname <> $1 AND n.nspname NOT IN ('pg_toast') AND n.nspname NOT LIKE 'pg\_temp\_%'
    AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
ORDER BY 1
