-- What stands where it should not, belongs to whom it should not, or leads from one tenant to another.
relation AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relnamespace, t.role_oid, t.role_name, t.slug
    FROM pg_catalog.pg_class c JOIN tenant t ON t.schema_oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),
of_extension AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
),
-- Those of columns belong to whom the table belongs to.
of_column AS (
    SELECT d.objid FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
),
owned (class, oid, owner, role_oid, role_name, what, fix) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, r.oid, r.relowner, r.role_oid, r.role_name,
        r.oid::pg_catalog.regclass::text, 'ALTER TABLE ' || r.oid::pg_catalog.regclass
    FROM relation r WHERE r.relowner IS DISTINCT FROM r.role_oid AND NOT (r.relkind = 'S' AND r.oid IN (SELECT objid FROM of_column))
    UNION ALL
    SELECT 'pg_catalog.pg_proc', p.oid, p.proowner, t.role_oid, t.role_name, p.oid::pg_catalog.regprocedure::text,
        'ALTER ROUTINE ' || p.oid::pg_catalog.regprocedure
    FROM pg_catalog.pg_proc p JOIN tenant t ON t.schema_oid = p.pronamespace WHERE p.proowner IS DISTINCT FROM t.role_oid
),
place AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast%'
),
-- What tenants' roles own anywhere.
elsewhere AS (
    SELECT d.classid, d.objid, d.refobjid AS owner, p.schema_oid,
        CASE d.classid WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN c.relnamespace
                       WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN f.pronamespace
                       WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN y.typnamespace END AS namespace,
        c.relkind
    FROM pg_catalog.pg_shdepend d JOIN principal p ON p.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
    LEFT JOIN pg_catalog.pg_proc f ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND f.oid = d.objid
    LEFT JOIN pg_catalog.pg_type y ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND y.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype = 'o' AND d.dbid = (SELECT oid FROM here)
),
-- Schemas that more than one tenant may look into, besides tenants' own.
common AS (
    SELECT n.oid FROM pg_catalog.pg_namespace n
    WHERE n.oid NOT IN (SELECT schema_oid FROM tenant WHERE schema_oid IS NOT NULL)
      AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
                  WHERE a.privilege_type = 'USAGE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM tenants_role)))
),
link (what, found, fix) AS (
    SELECT 'constraint ' || k.conname || ' of ' || a.oid::pg_catalog.regclass, 'refers to ' || b.oid::pg_catalog.regclass,
        pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', a.oid::pg_catalog.regclass, k.conname)
    FROM pg_catalog.pg_constraint k JOIN relation a ON a.oid = k.conrelid JOIN relation b ON b.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND a.relnamespace <> b.relnamespace
    UNION ALL
    SELECT 'table ' || a.oid::pg_catalog.regclass, 'inherits from ' || b.oid::pg_catalog.regclass,
        pg_catalog.format('ALTER TABLE %s NO INHERIT %s', a.oid::pg_catalog.regclass, b.oid::pg_catalog.regclass)
    FROM pg_catalog.pg_inherits i JOIN relation a ON a.oid = i.inhrelid JOIN relation b ON b.oid = i.inhparent
    WHERE a.relnamespace <> b.relnamespace
    UNION ALL
    SELECT 'trigger ' || g.tgname || ' of ' || a.oid::pg_catalog.regclass, 'runs ' || p.oid::pg_catalog.regprocedure,
        pg_catalog.format('DROP TRIGGER %I ON %s', g.tgname, a.oid::pg_catalog.regclass)
    FROM pg_catalog.pg_trigger g JOIN relation a ON a.oid = g.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
    JOIN tenant t ON t.schema_oid = p.pronamespace
    WHERE NOT g.tgisinternal AND p.pronamespace <> a.relnamespace
    UNION
    SELECT 'view ' || v.oid::pg_catalog.regclass, 'shows ' || b.oid::pg_catalog.regclass,
        pg_catalog.format('DROP %s %s', CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, v.oid::pg_catalog.regclass)
    FROM pg_catalog.pg_class v JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    JOIN relation b ON b.oid = d.refobjid
    WHERE v.relkind IN ('v', 'm') AND v.relnamespace <> b.relnamespace
      AND (v.relnamespace IN (SELECT oid FROM common) OR v.relnamespace IN (SELECT schema_oid FROM tenant))
),
-- At level shared code of a tenant's is harmless where the hardening makes it so.
exposed AS (
    SELECT t.schema_oid, t.slug FROM tenant t
    WHERE t.isolation = 'shared' AND t.status <> 'creating' AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant_guard')
)
SELECT CASE WHEN o.owner IN (SELECT oid FROM principal) THEN 'foreign_owner' ELSE 'wrong_owner' END,
    o.what, pg_catalog.format('belongs to %s', o.owner::pg_catalog.regrole),
    pg_catalog.format('%s OWNER TO %I', o.fix, o.role_name), NULL::text
FROM owned o LEFT JOIN of_extension e ON e.classid = o.class AND e.objid = o.oid
WHERE e.objid IS NULL AND o.role_oid IS NOT NULL
UNION ALL
SELECT 'schema_owner', t.schema_name, pg_catalog.format('belongs to %s, who is no administrator', t.nspowner::pg_catalog.regrole),
    pg_catalog.format('ALTER SCHEMA %I OWNER TO CURRENT_USER', t.schema_name), NULL
FROM tenant t WHERE t.schema_oid IS NOT NULL AND t.nspowner NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT 'owns_elsewhere', pg_catalog.pg_describe_object(e.classid, e.objid, 0) || ' in ' || n.nspname,
    pg_catalog.format('belongs to %s', e.owner::pg_catalog.regrole),
    CASE WHEN e.relkind IS NOT NULL THEN pg_catalog.format('ALTER TABLE %s OWNER TO CURRENT_USER', e.objid::pg_catalog.regclass)
         WHEN e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass THEN pg_catalog.format('ALTER ROUTINE %s OWNER TO CURRENT_USER', e.objid::pg_catalog.regprocedure)
         ELSE pg_catalog.format('ALTER TYPE %s OWNER TO CURRENT_USER', e.objid::pg_catalog.regtype) END, NULL
FROM elsewhere e JOIN place n ON n.oid = e.namespace
WHERE e.namespace IS DISTINCT FROM e.schema_oid
  -- Found as belonging to another tenant.
  AND NOT (e.classid <> 'pg_catalog.pg_type'::pg_catalog.regclass AND e.namespace IN (SELECT schema_oid FROM tenant WHERE schema_oid IS NOT NULL))
UNION ALL
SELECT 'owns_elsewhere', 'schema ' || s.nspname, pg_catalog.format('belongs to %s', e.owner::pg_catalog.regrole),
    pg_catalog.format('ALTER SCHEMA %I OWNER TO CURRENT_USER', s.nspname), NULL
FROM elsewhere e JOIN place s ON s.oid = e.objid AND e.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
UNION ALL
SELECT 'cross_tenant', l.what, l.found, l.fix, NULL FROM link l
UNION ALL
SELECT 'large_object', 'large object ' || l.oid, pg_catalog.format('%s may %s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END,
        pg_catalog.string_agg(DISTINCT a.privilege_type, ', ')),
    pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM %s', l.oid, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END), NULL
FROM pg_catalog.pg_largeobject_metadata l, pg_catalog.aclexplode(l.lomacl) a
WHERE a.grantee <> l.lomowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM principal) OR a.grantee IN (SELECT oid FROM ours))
GROUP BY l.oid, a.grantee
UNION ALL
SELECT 'large_objects_open', h.datname, 'lo_compat_privileges is on: everybody may read and write every large object',
    pg_catalog.format('ALTER DATABASE %I SET lo_compat_privileges = off', h.datname), NULL
FROM here h WHERE pg_catalog.current_setting('lo_compat_privileges') = 'on'
UNION ALL
SELECT DISTINCT 'foreign_server', 'server ' || s.srvname, pg_catalog.format('%s may use it', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END),
    pg_catalog.format('REVOKE ALL ON FOREIGN SERVER %I FROM %s', s.srvname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END), NULL
FROM pg_catalog.pg_foreign_server s, pg_catalog.aclexplode(s.srvacl) a
WHERE a.grantee <> s.srvowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM principal) OR a.grantee IN (SELECT oid FROM ours))
UNION ALL
SELECT DISTINCT 'foreign_server', 'foreign-data wrapper ' || w.fdwname, pg_catalog.format('%s may make servers of it', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END),
    pg_catalog.format('REVOKE ALL ON FOREIGN DATA WRAPPER %I FROM %s', w.fdwname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END), NULL
FROM pg_catalog.pg_foreign_data_wrapper w, pg_catalog.aclexplode(w.fdwacl) a
WHERE a.grantee <> w.fdwowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM principal) OR a.grantee IN (SELECT oid FROM ours))
UNION ALL
SELECT 'foreign_server', 'user mapping of ' || u.usename || ' for ' || u.srvname, 'logs in to another server for tenants',
    pg_catalog.format('DROP USER MAPPING FOR %s SERVER %I', CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE u.umuser::pg_catalog.regrole::text END, u.srvname), NULL
FROM pg_catalog.pg_user_mappings u
WHERE u.umuser = 0 OR u.umuser IN (SELECT oid FROM principal) OR u.umuser IN (SELECT oid FROM ours)
UNION ALL
SELECT 'untrusted_language', 'language ' || l.lanname, 'runs code outside of PostgreSQL''s privileges',
    CASE WHEN e.extname IS NULL THEN pg_catalog.format('DROP LANGUAGE %I', l.lanname) ELSE pg_catalog.format('DROP EXTENSION %I', e.extname) END, NULL
FROM pg_catalog.pg_language l
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND d.objid = l.oid AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c', 'sql', 'pgtenant_guard_sql', 'pgtenant_guard_plpgsql')
UNION ALL
SELECT 'shared_code', w.what, pg_catalog.format('is code of tenant %s, which is of level shared, and nothing makes it harmless', w.slug), NULL, 'pgtenant init --harden'
FROM (
    SELECT 'routine ' || p.oid::pg_catalog.regprocedure, x.slug FROM pg_catalog.pg_proc p JOIN exposed x ON x.schema_oid = p.pronamespace
    UNION ALL
    SELECT 'trigger ' || g.tgname || ' of ' || c.oid::pg_catalog.regclass, x.slug
    FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN exposed x ON x.schema_oid = c.relnamespace WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'rule ' || w.rulename || ' of ' || c.oid::pg_catalog.regclass, x.slug
    FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN exposed x ON x.schema_oid = c.relnamespace WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'operator ' || o.oid::pg_catalog.regoperator, x.slug FROM pg_catalog.pg_operator o JOIN exposed x ON x.schema_oid = o.oprnamespace
) AS w (what, slug)
ORDER BY 1, 2, 3
