-- Who could become anybody by the extension set_user, and what the role of spare connections has that it should not have. One
-- row a finding: kind, role, object. What is PUBLIC's is 0 in aclexplode.
WITH RECURSIVE spare AS (
    SELECT r.* FROM pg_catalog.pg_roles r JOIN pgtenant.installation i ON i.spare_role = r.rolname
),
-- By what they do, not by their names: anybody may have declared them again.
routine AS (
    SELECT p.oid, p.proowner, p.pronamespace, p.prosrc, p.proname,
           COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner)) AS acl
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname = 'c' AND p.prosrc IN ('set_session_auth', 'set_user')
),
-- reset_user does nothing in a session that set_user() was not called in.
granted AS (
    SELECT r.oid, r.prosrc, a.grantee FROM routine r, pg_catalog.aclexplode(r.acl) a
    WHERE a.privilege_type = 'EXECUTE' AND r.proname <> 'reset_user'
    UNION SELECT r.oid, r.prosrc, r.proowner FROM routine r WHERE r.proname <> 'reset_user'
),
-- A membership that its holder could only pass on, as that of a role's creator since version 16, is left out: whoever
-- creates roles is an administrator.
member AS (
    SELECT m.roleid, m.member FROM pg_catalog.pg_auth_members m
    WHERE COALESCE((pg_catalog.to_jsonb(m) ->> 'inherit_option')::pg_catalog.bool, true)
       OR COALESCE((pg_catalog.to_jsonb(m) ->> 'set_option')::pg_catalog.bool, true)
),
holder AS (
    SELECT g.oid, g.prosrc, g.grantee AS role FROM granted g
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = g.grantee AND r.rolsuper)
    UNION
    SELECT h.oid, h.prosrc, m.member FROM holder h JOIN member m ON m.roleid = h.role
),
ours AS (
    SELECT r.oid FROM pg_catalog.pg_roles r
    WHERE r.rolname IN (SELECT i.registry_role FROM pgtenant.installation i
                        UNION ALL SELECT i.tenants_role FROM pgtenant.installation i
                        UNION ALL SELECT i.pool_role FROM pgtenant.installation i
                        UNION ALL SELECT i.spare_role FROM pgtenant.installation i
                        UNION ALL SELECT t.role_name FROM pgtenant.tenants_here t)
),
extension AS (SELECT e.extnamespace FROM pg_catalog.pg_extension e WHERE e.extname = 'set_user')
SELECT 'session_auth' AS kind, COALESCE(r.rolname::text, 'PUBLIC') AS role, h.oid::pg_catalog.regprocedure::text AS object
FROM holder h LEFT JOIN pg_catalog.pg_roles r ON r.oid = h.role
WHERE h.prosrc = 'set_session_auth' AND NOT COALESCE(r.rolsuper, false)
  AND h.role NOT IN (SELECT s.oid FROM spare s)
UNION ALL
SELECT 'set_user', COALESCE(r.rolname::text, 'PUBLIC'), h.oid::pg_catalog.regprocedure::text
FROM holder h LEFT JOIN pg_catalog.pg_roles r ON r.oid = h.role
WHERE h.prosrc = 'set_user' AND (h.role = 0 OR h.role IN (SELECT o.oid FROM ours o))
UNION ALL SELECT 'superuser', rolname, '' FROM spare WHERE rolsuper
UNION ALL SELECT 'bypass_rls', rolname, '' FROM spare WHERE rolbypassrls
UNION ALL SELECT 'replication', rolname, '' FROM spare WHERE rolreplication
UNION ALL SELECT 'create_role', rolname, '' FROM spare WHERE rolcreaterole
UNION ALL SELECT 'create_db', rolname, '' FROM spare WHERE rolcreatedb
UNION ALL SELECT 'pool_inherit', rolname, '' FROM spare WHERE rolinherit
UNION ALL
SELECT 'member', s.rolname, r.rolname
FROM spare s JOIN pg_catalog.pg_auth_members m ON m.member = s.oid JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
UNION ALL
-- A tenant's connections would have them.
SELECT 'spare_setting', s.rolname, pg_catalog.current_database()
FROM spare s WHERE EXISTS (SELECT FROM pg_catalog.pg_db_role_setting d WHERE d.setrole = s.oid)
UNION ALL
-- Everything that it owns or was granted, but for what it is for.
SELECT DISTINCT 'pool_right', s.rolname, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
FROM spare s JOIN pg_catalog.pg_shdepend d
    ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = s.oid
JOIN pg_catalog.pg_database b ON b.datname = pg_catalog.current_database()
WHERE d.dbid IN (0, b.oid)
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = b.oid
           AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(b.datacl) a
                           WHERE a.grantee = s.oid AND (a.privilege_type <> 'CONNECT' OR a.is_grantable)))
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
           AND d.objid IN (SELECT e.extnamespace FROM extension e)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
                           WHERE n.oid = d.objid AND a.grantee = s.oid
                             AND (a.privilege_type <> 'USAGE' OR a.is_grantable)))
  AND NOT (d.deptype = 'a' AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.objid IN (SELECT r.oid FROM routine r, extension e
                           WHERE r.prosrc = 'set_session_auth' AND r.pronamespace = e.extnamespace
                             AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(r.acl) a
                                             WHERE a.grantee = s.oid AND a.is_grantable)))
ORDER BY 1, 2, 3
