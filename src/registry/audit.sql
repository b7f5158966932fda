-- Rights that DESIGN's invariant on logins forbids. One row a finding: kind, role, object, and what takes away a membership that is not direct.
-- $1 role that reads the registry, $2 schema global, $3 schema of the template.
WITH RECURSIVE tenant AS (
    SELECT r.oid AS role_oid, t.role_name, t.schema_name, t.reader_role
    FROM pgtenant.tenants_here t LEFT JOIN pg_catalog.pg_roles r ON r.rolname = t.role_name
),
-- Those that only read a tenant's data log in too, and are confined like tenants.
principal AS (
    SELECT role_oid, role_name FROM tenant
    UNION ALL
    SELECT r.oid, t.reader_role FROM tenant t JOIN pg_catalog.pg_roles r ON r.rolname = t.reader_role
),
login AS (
    SELECT r.*, t.role_name IS NOT NULL AS is_tenant, i.pool_role IS NOT NULL AS is_pool
    FROM pg_catalog.pg_roles r LEFT JOIN principal t ON t.role_oid = r.oid
    LEFT JOIN pgtenant.installation i ON i.pool_role = r.rolname
    WHERE t.role_oid IS NOT NULL OR r.rolname = $1 OR i.pool_role IS NOT NULL
),
tenant_schema AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, t.role_name, t.reader_role
    FROM pg_catalog.pg_namespace n JOIN tenant t ON t.schema_name = n.nspname
),
common AS (
    SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace
    WHERE nspname IN ('public', 'pgtenant', $2, $3)
),
granted AS (
    SELECT s.oid, s.nspname, s.role_name, s.reader_role, a.grantee, a.privilege_type
    FROM tenant_schema s, pg_catalog.aclexplode(s.nspacl) a
),
-- With the membership to take away: the first on the way, but that in the role all tenants share, which every tenant is to have.
reach AS (
    SELECT l.oid AS login, m.roleid, m.roleid AS cut, l.oid AS cut_from
    FROM login l JOIN pg_catalog.pg_auth_members m ON m.member = l.oid
    UNION
    SELECT r.login, m.roleid, CASE WHEN s.oid IS NULL THEN r.cut ELSE m.roleid END, COALESCE(s.oid, r.cut_from)
    FROM reach r JOIN pg_catalog.pg_auth_members m ON m.member = r.roleid
    LEFT JOIN (SELECT o.oid FROM pg_catalog.pg_roles o JOIN pgtenant.installation i ON i.tenants_role = o.rolname) s ON s.oid = r.cut
),
-- Whoever is a member of one of these can reach what is not its own.
powerful AS (
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole
       OR pg_catalog.starts_with(r.rolname::text, 'pg_')
       OR r.oid IN (SELECT role_oid FROM principal)
       OR r.rolname IN (SELECT i.pool_role FROM pgtenant.installation i
                        UNION ALL SELECT i.spare_role FROM pgtenant.installation i)
       OR r.oid IN (SELECT nspowner FROM tenant_schema)
       OR r.oid IN (SELECT nspowner FROM common)
       OR r.oid IN (SELECT grantee FROM granted)
       OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
),
finding AS (
SELECT 'superuser' AS kind, rolname::text AS role, '' AS object FROM login WHERE rolsuper
UNION ALL SELECT 'bypass_rls', rolname, '' FROM login WHERE rolbypassrls
UNION ALL SELECT 'replication', rolname, '' FROM login WHERE rolreplication
UNION ALL SELECT 'create_role', rolname, '' FROM login WHERE rolcreaterole
UNION ALL SELECT 'create_db', rolname, '' FROM login WHERE rolcreatedb
UNION ALL
SELECT 'owns_database', l.rolname, d.datname
FROM login l JOIN pg_catalog.pg_database d ON d.datdba = l.oid
WHERE d.datname = pg_catalog.current_database()
UNION ALL
SELECT 'owns_schema', l.rolname, s.nspname
FROM login l JOIN (SELECT nspname, nspowner FROM tenant_schema UNION SELECT nspname, nspowner FROM common) s
     ON s.nspowner = l.oid
UNION ALL
SELECT 'member', l.rolname, p.rolname
FROM login l JOIN reach r ON r.login = l.oid JOIN powerful p ON p.oid = r.roleid
WHERE NOT l.is_pool
UNION ALL
-- The pool role takes on the roles of tenants of level shared, and has no right of its own.
SELECT 'member', l.rolname, r.rolname
FROM login l JOIN pg_catalog.pg_auth_members m ON m.member = l.oid JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
WHERE l.is_pool AND NOT EXISTS (
    SELECT FROM pgtenant.tenants_here t WHERE t.role_name = r.rolname AND t.isolation = 'shared')
UNION ALL
SELECT 'pool_inherit', rolname, '' FROM login WHERE is_pool AND rolinherit
UNION ALL
SELECT 'pool_inherits', l.rolname, r.rolname
FROM login l JOIN pg_catalog.pg_auth_members m ON m.member = l.oid JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
-- A column of its own since version 16.
WHERE l.is_pool AND (pg_catalog.to_jsonb(m) ->> 'inherit_option')::pg_catalog.bool
UNION ALL
SELECT 'pool_admin', l.rolname, r.rolname
FROM login l JOIN pg_catalog.pg_auth_members m ON m.member = l.oid JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
WHERE l.is_pool AND m.admin_option
UNION ALL
SELECT 'pool_setting', l.rolname, pg_catalog.current_database()
FROM login l
WHERE l.is_pool AND EXISTS (
    SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS setting
    WHERE s.setrole IN (0, l.oid)
      AND s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
      AND pg_catalog.lower(pg_catalog.split_part(setting, '=', 1)) IN ('role', 'session_authorization'))
UNION ALL
-- Everything that it owns or was granted, but for what pgtenant granted it.
SELECT DISTINCT 'pool_right', l.rolname, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
FROM login l JOIN pg_catalog.pg_shdepend d
    ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = l.oid
JOIN pg_catalog.pg_database b ON b.datname = pg_catalog.current_database()
WHERE l.is_pool AND d.dbid IN (0, b.oid)
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = b.oid)
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
           AND d.objid = pg_catalog.to_regnamespace('pgtenant_guard')::pg_catalog.oid)
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.objid IN (SELECT p.oid FROM pg_catalog.pg_proc p
                           JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                           WHERE p.oid < 16384
                             AND (n.nspname = 'pgtenant_guard' AND p.proname = 'set_config'
                                  -- Tells of the own process only.
                                  OR n.nspname = 'pg_catalog' AND p.proname = 'pg_get_backend_memory_contexts')))
UNION ALL
SELECT 'create_in', l.rolname, n.nspname
FROM login l, pg_catalog.pg_namespace n
WHERE l.is_pool AND NOT l.rolsuper AND n.nspname = 'pgtenant_guard'
  AND pg_catalog.has_schema_privilege(l.oid, n.oid, 'CREATE')
UNION ALL
-- Rights on a tenant's schema held by everybody, by another login, or by the role all tenants share.
SELECT 'foreign_schema', COALESCE(r.rolname, 'PUBLIC'), g.nspname
FROM granted g LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
WHERE r.rolname IS DISTINCT FROM g.role_name
  AND (r.rolname IS DISTINCT FROM g.reader_role OR g.privilege_type <> 'USAGE')
  AND (g.grantee = 0
       OR g.grantee IN (SELECT oid FROM login)
       OR r.rolname = (SELECT i.tenants_role FROM pgtenant.installation i))
GROUP BY 2, 3
UNION ALL
SELECT 'create_in', l.rolname, c.nspname
FROM login l, common c
WHERE NOT l.rolsuper AND c.nspowner <> l.oid
  AND pg_catalog.has_schema_privilege(l.oid, c.oid, 'CREATE')
UNION ALL
SELECT 'use_of', l.rolname, c.nspname
FROM login l, common c
WHERE (l.is_tenant OR l.is_pool) AND NOT l.rolsuper AND c.nspowner <> l.oid AND c.nspname IN ('pgtenant', $3)
  AND pg_catalog.has_schema_privilege(l.oid, c.oid, 'USAGE')
UNION ALL
SELECT 'create_schema', l.rolname, pg_catalog.current_database()
FROM login l
WHERE NOT l.rolsuper
  AND pg_catalog.has_database_privilege(l.oid, pg_catalog.current_database(), 'CREATE')
)
SELECT f.kind, f.role, f.object, m.revokes
FROM finding f LEFT JOIN (
    SELECT u.rolname AS role, o.rolname AS object,
        pg_catalog.string_agg(DISTINCT pg_catalog.format('REVOKE %I FROM %I', c.rolname, w.rolname), '; ') AS revokes
    FROM reach r JOIN pg_catalog.pg_roles u ON u.oid = r.login JOIN pg_catalog.pg_roles o ON o.oid = r.roleid
    JOIN pg_catalog.pg_roles c ON c.oid = r.cut JOIN pg_catalog.pg_roles w ON w.oid = r.cut_from
    -- Where it is direct, that is all there is to say.
    WHERE r.roleid <> r.cut OR r.login <> r.cut_from
    GROUP BY 1, 2
) m ON f.kind = 'member' AND m.role = f.role AND m.object = f.object
ORDER BY 1, 2, 3
