-- What in other schemas depends on something in the schema $1 (direction `in`), and the other way round (`out`): direction,
-- other schema, other object, object of this schema. Triggers of foreign keys are told by those.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
rel AS (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT oid FROM place)),
member (class, id) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, oid FROM rel
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t
    WHERE t.typnamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class IN (SELECT oid FROM rel)
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid FROM pg_catalog.pg_constraint k
    WHERE k.connamespace IN (SELECT oid FROM place)
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid FROM pg_catalog.pg_attrdef d
    WHERE d.adrelid IN (SELECT oid FROM rel)
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_trigger t
    WHERE t.tgrelid IN (SELECT oid FROM rel) AND NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_policy p
    WHERE p.polrelid IN (SELECT oid FROM rel)
),
edge (direction, other_class, other, class, id) AS (
    SELECT 'in', d.classid, d.objid, m.class, m.id
    FROM member m JOIN pg_catalog.pg_depend d ON d.refclassid = m.class AND d.refobjid = m.id
    WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
    UNION
    SELECT 'out', d.refclassid, d.refobjid, m.class, m.id
    FROM member m JOIN pg_catalog.pg_depend d ON d.classid = m.class AND d.objid = m.id
    WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S')
),
placed AS (
    SELECT e.*, CASE e.other_class
        WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN
            (SELECT c.relnamespace FROM pg_catalog.pg_class c WHERE c.oid = e.other)
        WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN
            (SELECT p.pronamespace FROM pg_catalog.pg_proc p WHERE p.oid = e.other)
        WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN
            (SELECT t.typnamespace FROM pg_catalog.pg_type t WHERE t.oid = e.other)
        WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
            (SELECT k.connamespace FROM pg_catalog.pg_constraint k WHERE k.oid = e.other)
        WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN
            (SELECT c.relnamespace FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
             WHERE r.oid = e.other)
        WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN
            (SELECT c.relnamespace FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_class c ON c.oid = a.adrelid
             WHERE a.oid = e.other)
        WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN
            (SELECT c.relnamespace FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
             WHERE t.oid = e.other AND NOT t.tgisinternal)
        WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN
            (SELECT c.relnamespace FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
             WHERE p.oid = e.other)
    END AS ns
    FROM edge e
)
SELECT DISTINCT p.direction, n.nspname::text, pg_catalog.pg_describe_object(p.other_class, p.other, 0),
    pg_catalog.pg_describe_object(p.class, p.id, 0)
FROM placed p JOIN pg_catalog.pg_namespace n ON n.oid = p.ns
WHERE n.nspname <> $1 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2, 3, 4
