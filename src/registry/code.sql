-- What of a tenant's (schema $1, role $2) can run code when it is used, where nothing has made that code harmless.
-- One row each: what it is, and the function of PostgreSQL's own that it calls, or NULL where it is code itself.
WITH place AS (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
who AS (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = $2),
relation AS (
    SELECT c.oid FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM place) OR c.relowner IN (SELECT oid FROM who)
),
type AS (
    SELECT t.oid, t.typtype, t.typdefaultbin FROM pg_catalog.pg_type t
    WHERE t.typnamespace IN (SELECT oid FROM place) OR t.typowner IN (SELECT oid FROM who)
),
code (class, object) AS (
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN (SELECT oid FROM place) OR p.proowner IN (SELECT oid FROM who)
    UNION ALL
    SELECT 'pg_catalog.pg_trigger', t.oid FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite', r.oid FROM pg_catalog.pg_rewrite r
    WHERE r.rulename <> '_RETURN' AND r.ev_class IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_type', t.oid FROM type t
    WHERE t.typtype = 'd'
      AND EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = 0 AND k.contypid = t.oid AND k.contype = 'c')
    UNION ALL
    SELECT 'pg_catalog.pg_cast', c.oid FROM pg_catalog.pg_cast c
    WHERE c.castsource IN (SELECT oid FROM type) OR c.casttarget IN (SELECT oid FROM type)
    UNION ALL
    SELECT 'pg_catalog.pg_operator', o.oid FROM pg_catalog.pg_operator o
    WHERE o.oprnamespace IN (SELECT oid FROM place) OR o.oprowner IN (SELECT oid FROM who)
),
-- Where expressions are kept. They name functions by OID.
expression (class, object, tree) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, r.ev_action::text || r.ev_qual::text
    FROM pg_catalog.pg_rewrite r WHERE r.rulename = '_RETURN' AND r.ev_class IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef', d.oid, d.adbin::text
    FROM pg_catalog.pg_attrdef d WHERE d.adrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_type', t.oid, t.typdefaultbin::text FROM type t WHERE t.typdefaultbin IS NOT NULL
    UNION ALL
    SELECT 'pg_catalog.pg_constraint', k.oid, k.conbin::text
    FROM pg_catalog.pg_constraint k WHERE k.conbin IS NOT NULL AND k.conrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_class', i.indexrelid, pg_catalog.concat(i.indexprs::text, i.indpred::text)
    FROM pg_catalog.pg_index i WHERE i.indrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_policy', p.oid, pg_catalog.concat(p.polqual::text, p.polwithcheck::text)
    FROM pg_catalog.pg_policy p WHERE p.polrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'pg_catalog.pg_class', p.partrelid, p.partexprs::text
    FROM pg_catalog.pg_partitioned_table p
    WHERE p.partexprs IS NOT NULL AND p.partrelid IN (SELECT oid FROM relation)
    UNION ALL
    -- Statistics on expressions are of version 14.
    SELECT 'pg_catalog.pg_statistic_ext', s.oid, pg_catalog.to_jsonb(s) ->> 'stxexprs'
    FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid IN (SELECT oid FROM relation)
)
SELECT pg_catalog.pg_describe_object(class, object, 0), NULL::text FROM code
UNION
SELECT pg_catalog.pg_describe_object(e.class, e.object, 0), p.proname::text
FROM expression e,
    pg_catalog.regexp_matches(e.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS called (number)
JOIN pg_catalog.pg_proc p ON p.oid = called.number[1]::pg_catalog.oid
WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
ORDER BY 1, 2
