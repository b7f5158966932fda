-- Rules, triggers, policies and row security of the relations $1 of the schema $2, in the schema $3 for the role $4.
WITH relation AS (
    SELECT c.oid, c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
           pg_catalog.format('%I.%I', $3, c.relname) AS here
    FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1) AND c.relkind IN ('m', 'p', 'r', 'v')
)
SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid AS class, w.oid AS object, 90 AS phase,
       pg_catalog.format('rule %s on %s', w.rulename, c.relname) AS name,
       pg_catalog.rtrim(pg_catalog.pg_get_ruledef(w.oid, true), ';') AS statement,
       NULL::pg_catalog.text AS compared, true AS checked
FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid OFFSET 0) AS w WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, 91, pg_catalog.format('trigger %s on %s', g.tgname, c.relname),
       pg_catalog.pg_get_triggerdef(g.oid, true), NULL, true
FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid OFFSET 0) AS g WHERE NOT g.tgisinternal AND g.tgparentid = 0
UNION ALL
SELECT x.class, x.oid, 94, x.name,
       pg_catalog.format('ALTER TABLE %s %s %s', x.here,
           CASE x.enabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, x.what),
       NULL, true
FROM (
    SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, c.here, w.ev_enabled, pg_catalog.format('RULE %I', w.rulename),
           pg_catalog.format('state of rule %s on %s', w.rulename, c.relname)
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid OFFSET 0) AS w WHERE w.rulename <> '_RETURN' AND w.ev_enabled <> 'O'
    UNION ALL
    -- The state of a trigger that is a partitioned table's own is its partitions' until they say otherwise.
    SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, c.here, g.tgenabled, pg_catalog.format('TRIGGER %I', g.tgname),
           pg_catalog.format('state of trigger %s on %s', g.tgname, c.relname)
    FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid OFFSET 0) AS g LEFT JOIN LATERAL (SELECT * FROM pg_catalog.pg_trigger p WHERE p.oid = g.tgparentid OFFSET 0) AS p ON true
    WHERE (NOT g.tgisinternal OR p.oid IS NOT NULL AND NOT p.tgisinternal) AND g.tgenabled <> COALESCE(p.tgenabled, 'O')
) AS x (class, oid, here, enabled, what, name)
UNION ALL
SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 92, pg_catalog.format('policy %s on %s', p.polname, c.relname),
       pg_catalog.concat(
           pg_catalog.format('CREATE POLICY %I ON %s AS %s FOR %s TO ', p.polname, c.here,
               CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
               CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END),
           (SELECT pg_catalog.string_agg(CASE x.role WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN pg_catalog.quote_ident($4)
                       ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.role)) END, ', ' ORDER BY x.no)
            FROM pg_catalog.unnest(p.polroles) WITH ORDINALITY AS x (role, no)),
           ' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')',
           ' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
       NULL, true
FROM relation c CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid OFFSET 0) AS p
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 93, 'row security of table ' || c.relname,
       pg_catalog.format('ALTER TABLE %s %s', c.here, pg_catalog.concat_ws(', ',
           CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
           CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END)),
       NULL, true
FROM relation c WHERE c.relrowsecurity OR c.relforcerowsecurity
