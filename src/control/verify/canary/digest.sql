-- What an attacker (role $3) must not change of its victim (schema $1, role $2), and of its own rights: part, and its content.
WITH role AS (SELECT r.* FROM pg_catalog.pg_roles r WHERE r.rolname IN ($2, $3)),
place AS (SELECT n.* FROM pg_catalog.pg_namespace n WHERE n.nspname = $1)
SELECT 'the objects' AS part, pg_catalog.string_agg(
    pg_catalog.concat_ws(' ', c.relkind, c.relname, c.relowner, c.relacl::text, c.relrowsecurity), ',' ORDER BY c.relname::text) AS content
FROM pg_catalog.pg_class c JOIN place p ON p.oid = c.relnamespace
UNION ALL
SELECT 'the columns', pg_catalog.string_agg(
    pg_catalog.concat_ws(' ', a.attrelid, a.attname, a.atttypid, a.attacl::text), ',' ORDER BY a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN place p ON p.oid = c.relnamespace
WHERE c.relkind = 'r'
UNION ALL
SELECT 'the routines', pg_catalog.string_agg(pg_catalog.concat_ws(' ', f.proname, f.proowner, f.proacl::text), ',' ORDER BY f.oid)
FROM pg_catalog.pg_proc f JOIN place p ON p.oid = f.pronamespace
UNION ALL
SELECT 'the schema', pg_catalog.string_agg(pg_catalog.concat_ws(' ', p.oid, p.nspowner, p.nspacl::text), ',') FROM place p
UNION ALL
SELECT 'the roles', pg_catalog.string_agg(pg_catalog.concat_ws(' ', r.oid, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb,
    r.rolcanlogin, r.rolreplication, r.rolbypassrls), ',' ORDER BY r.oid)
FROM role r
UNION ALL
SELECT 'the memberships', pg_catalog.string_agg(pg_catalog.concat_ws(' ', m.roleid, m.member, m.admin_option), ',' ORDER BY m.roleid, m.member)
FROM pg_catalog.pg_auth_members m WHERE m.roleid IN (SELECT oid FROM role) OR m.member IN (SELECT oid FROM role)
UNION ALL
SELECT 'the default privileges', pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.defaclnamespace, d.defaclobjtype, d.defaclacl::text), ',' ORDER BY d.oid)
FROM pg_catalog.pg_default_acl d JOIN role r ON r.oid = d.defaclrole WHERE r.rolname = $2
UNION ALL
SELECT 'the settings', pg_catalog.string_agg(pg_catalog.concat_ws(' ', s.setdatabase, s.setconfig::text), ',' ORDER BY s.setdatabase)
FROM pg_catalog.pg_db_role_setting s JOIN role r ON r.oid = s.setrole WHERE r.rolname = $2
