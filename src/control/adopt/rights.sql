-- Rights that others have on the schema $1 and on what is in it, who is neither its owner nor that of the object, nor one of the
-- roles $2 (an array): whether it is a hole, what it is, and the statement that closes it. Everybody and the tenants are holes; other
-- roles are the operator's business.
WITH place AS (SELECT n.* FROM pg_catalog.pg_namespace n WHERE n.nspname = $1),
relation AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT oid FROM place)),
tenant AS (
    SELECT r.oid FROM pg_catalog.pg_roles r
    WHERE r.rolname IN (SELECT t.role_name FROM pgtenant.tenants_here t UNION ALL SELECT t.reader_role FROM pgtenant.tenants_here t
                        UNION ALL SELECT i.tenants_role FROM pgtenant.installation i
                        UNION ALL SELECT i.pool_role FROM pgtenant.installation i)
),
granted (what, target, grantee, privilege, owner) AS (
    SELECT 'schema ' || n.nspname, pg_catalog.format('SCHEMA %I', n.nspname), a.grantee, a.privilege_type, n.nspowner
    FROM place n, pg_catalog.aclexplode(n.nspacl) a
    UNION ALL
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0),
           pg_catalog.format('%s %I.%I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, $1::text, c.relname),
           a.grantee, a.privilege_type, c.relowner
    FROM relation c, pg_catalog.aclexplode(c.relacl) a
    UNION ALL
    -- REVOKE on the table takes those on its columns, too.
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, c.oid, t.attnum),
           pg_catalog.format('TABLE %I.%I', $1::text, c.relname), a.grantee, a.privilege_type, c.relowner
    FROM relation c JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid, pg_catalog.aclexplode(t.attacl) a
    UNION ALL
    -- By default everybody may call a routine; close_routines takes that away.
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0),
           'ROUTINE ' || p.oid::pg_catalog.regprocedure, a.grantee, a.privilege_type, p.proowner
    FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
    WHERE p.pronamespace IN (SELECT oid FROM place) AND a.grantee <> 0
),
by_default AS (
    SELECT pg_catalog.format('what %s makes in schema %s', r.rolname, $1::text) AS what, a.grantee, a.privilege_type,
           pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE ALL ON %s FROM', r.rolname, $1::text,
               CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                    ELSE 'TYPES' END) AS statement
    FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_roles r ON r.oid = d.defaclrole, pg_catalog.aclexplode(d.defaclacl) a
    WHERE d.defaclnamespace IN (SELECT oid FROM place)
),
every AS (
    SELECT g.what, g.grantee, g.privilege, pg_catalog.format('REVOKE ALL ON %s FROM', g.target) AS statement
    FROM granted g WHERE g.grantee <> g.owner
    UNION ALL
    SELECT what, grantee, privilege_type, statement FROM by_default
),
named AS (
    SELECT e.*, COALESCE(r.rolname::text, 'PUBLIC') AS who,
           e.grantee = 0 OR e.grantee IN (SELECT oid FROM tenant) AS is_hole
    FROM every e LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.grantee
    WHERE NOT COALESCE(r.rolname = ANY ($2), false)
)
SELECT n.is_hole,
       pg_catalog.format('%s may %s %s', n.who, pg_catalog.string_agg(DISTINCT n.privilege, ', '), n.what),
       n.statement || ' ' || CASE n.who WHEN 'PUBLIC' THEN 'PUBLIC' ELSE pg_catalog.quote_ident(n.who) END
FROM named n GROUP BY n.is_hole, n.who, n.what, n.statement ORDER BY 2
