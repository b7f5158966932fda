-- Rights that DESIGN's invariant on logins forbids. One row a finding: kind, role, object.
-- $1 role that reads the registry, $2 schema global, $3 schema of the template.
WITH RECURSIVE tenant AS (
    SELECT r.oid AS role_oid, t.role_name, t.schema_name
    FROM pgtenant.tenants t LEFT JOIN pg_catalog.pg_roles r ON r.rolname = t.role_name
),
login AS (
    SELECT r.*, t.role_name IS NOT NULL AS is_tenant
    FROM pg_catalog.pg_roles r LEFT JOIN tenant t ON t.role_oid = r.oid
    WHERE t.role_oid IS NOT NULL OR r.rolname = $1
),
tenant_schema AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, t.role_name
    FROM pg_catalog.pg_namespace n JOIN tenant t ON t.schema_name = n.nspname
),
common AS (
    SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace
    WHERE nspname IN ('public', 'pgtenant', $2, $3)
),
granted AS (
    SELECT s.oid, s.nspname, s.role_name, a.grantee, a.privilege_type
    FROM tenant_schema s, pg_catalog.aclexplode(s.nspacl) a
),
reach AS (
    SELECT l.oid AS login, m.roleid FROM login l JOIN pg_catalog.pg_auth_members m ON m.member = l.oid
    UNION
    SELECT r.login, m.roleid FROM reach r JOIN pg_catalog.pg_auth_members m ON m.member = r.roleid
),
-- Whoever is a member of one of these can reach what is not its own.
powerful AS (
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolreplication OR r.rolcreaterole
       OR pg_catalog.starts_with(r.rolname::text, 'pg_')
       OR r.oid IN (SELECT role_oid FROM tenant)
       OR r.oid IN (SELECT nspowner FROM tenant_schema)
       OR r.oid IN (SELECT nspowner FROM common)
       OR r.oid IN (SELECT grantee FROM granted)
       OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
)
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
UNION ALL
-- Rights on a tenant's schema held by everybody, by another login, or by the role all tenants share.
SELECT 'foreign_schema', COALESCE(r.rolname, 'PUBLIC'), g.nspname
FROM granted g LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
WHERE r.rolname IS DISTINCT FROM g.role_name
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
WHERE l.is_tenant AND NOT l.rolsuper AND c.nspowner <> l.oid AND c.nspname IN ('pgtenant', $3)
  AND pg_catalog.has_schema_privilege(l.oid, c.oid, 'USAGE')
UNION ALL
SELECT 'create_schema', l.rolname, pg_catalog.current_database()
FROM login l
WHERE NOT l.rolsuper
  AND pg_catalog.has_database_privilege(l.oid, pg_catalog.current_database(), 'CREATE')
ORDER BY 1, 2, 3
