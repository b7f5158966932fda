-- Who was given what he should not have.
item AS (
    SELECT 'TABLE' AS kind, 'table' AS word, c.oid, ''::text AS attribute, c.relowner AS owner, c.relacl AS acl, false AS definer,
        t.role_oid, t.reader_oid
    FROM pg_catalog.pg_class c JOIN tenant t ON t.schema_oid = c.relnamespace
    WHERE c.relacl IS NOT NULL AND c.relkind <> 'S'
    UNION ALL
    SELECT 'SEQUENCE', 'table', c.oid, '', c.relowner, c.relacl, false, t.role_oid, t.reader_oid
    FROM pg_catalog.pg_class c JOIN tenant t ON t.schema_oid = c.relnamespace
    WHERE c.relacl IS NOT NULL AND c.relkind = 'S'
    UNION ALL
    SELECT 'TABLE', 'table', c.oid, a.attname::text, c.relowner, a.attacl, false, t.role_oid, t.reader_oid
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN tenant t ON t.schema_oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT 'ROUTINE', 'routine', p.oid, '', p.proowner, COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.prosecdef,
        t.role_oid, t.reader_oid
    FROM pg_catalog.pg_proc p JOIN tenant t ON t.schema_oid = p.pronamespace
),
-- A reader may read.
given AS (
    SELECT i.kind, i.word, i.oid, i.attribute, i.definer, i.reader_oid, a.grantee,
        pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS rights
    FROM item i, pg_catalog.aclexplode(i.acl) a
    WHERE a.grantee <> i.owner AND a.grantee IS DISTINCT FROM i.role_oid
      AND NOT (a.grantee = i.reader_oid AND a.privilege_type IN ('SELECT', 'USAGE', 'EXECUTE') AND i.reader_oid IS NOT NULL)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
judged AS (
    SELECT g.*,
        CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END AS whom,
        CASE g.kind WHEN 'ROUTINE' THEN g.oid::pg_catalog.regprocedure::text ELSE g.oid::pg_catalog.regclass::text END AS name,
        CASE WHEN g.grantee = 0 THEN CASE WHEN g.definer THEN 'public_definer' ELSE 'public_' || g.word END
             WHEN g.grantee = g.reader_oid THEN 'reader_writes'
             WHEN g.grantee IN (SELECT oid FROM principal) OR g.grantee IN (SELECT oid FROM ours) THEN 'foreign_' || g.word
             ELSE g.word || '_granted' END AS id
    FROM given g WHERE g.grantee NOT IN (SELECT oid FROM trusted)
),
-- What is granted on things to come: by tenants, in their schemas, and by administrators everywhere.
to_come AS (
    SELECT d.defaclrole, d.defaclnamespace, d.defaclobjtype, a.grantee,
        pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS rights
    FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
    WHERE a.grantee <> d.defaclrole
      AND (d.defaclrole IN (SELECT oid FROM principal) OR d.defaclnamespace = 0
           OR d.defaclnamespace IN (SELECT schema_oid FROM tenant))
      -- PostgreSQL itself opens routines and types, where nobody says otherwise.
      AND NOT (d.defaclnamespace = 0 AND a.grantee = 0 AND d.defaclobjtype IN ('f', 'T'))
      AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM ours) OR a.grantee IN (SELECT oid FROM principal))
      AND NOT EXISTS (SELECT FROM tenant t WHERE d.defaclrole = t.role_oid AND a.grantee IN (t.role_oid, t.reader_oid))
      AND NOT EXISTS (SELECT FROM tenant t WHERE d.defaclnamespace = t.schema_oid AND a.grantee IN (t.role_oid, t.reader_oid))
    GROUP BY 1, 2, 3, 4
),
registry_item AS (
    SELECT c.oid, c.relowner, ''::text AS attribute, c.relacl AS acl FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pgtenant' AND c.relacl IS NOT NULL
    UNION ALL
    SELECT c.oid, c.relowner, a.attname::text, a.attacl FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'pgtenant' AND a.attacl IS NOT NULL
),
registry_given AS (
    SELECT i.oid, i.attribute, a.grantee, r.rolname,
        pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS rights,
        pg_catalog.bool_or(a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')) AS writes
    FROM registry_item i CROSS JOIN pg_catalog.aclexplode(i.acl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE a.grantee <> i.relowner AND a.grantee NOT IN (SELECT oid FROM trusted) GROUP BY 1, 2, 3, 4
),
-- What PostgreSQL and its extensions keep from PUBLIC when they are installed.
opened AS (
    SELECT 'FUNCTION' AS kind, p.oid, p.proacl AS acl, p.proowner AS owner, i.initprivs
    FROM pg_catalog.pg_init_privs i JOIN pg_catalog.pg_proc p ON p.oid = i.objoid
    WHERE i.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.proacl IS DISTINCT FROM i.initprivs
    UNION ALL
    SELECT 'TABLE', c.oid, c.relacl, c.relowner, i.initprivs
    FROM pg_catalog.pg_init_privs i JOIN pg_catalog.pg_class c ON c.oid = i.objoid
    WHERE i.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.objsubid = 0 AND c.relacl IS DISTINCT FROM i.initprivs
),
opened_to AS (
    SELECT o.kind, o.oid, a.grantee, pg_catalog.string_agg(DISTINCT a.privilege_type, ', ') AS rights
    FROM opened o, pg_catalog.aclexplode(o.acl) a
    WHERE a.grantee <> o.owner
      AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM principal) OR a.grantee IN (SELECT oid FROM tenants_role)
           OR a.grantee IN (SELECT u.oid FROM ours u JOIN installation i ON i.registry_role = u.rolname))
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(o.initprivs) b
                      WHERE b.grantee = a.grantee AND b.privilege_type = a.privilege_type)
    GROUP BY 1, 2, 3
)
SELECT j.id, j.name || CASE j.attribute WHEN '' THEN '' ELSE ', column ' || j.attribute END,
    pg_catalog.format('%s may %s', j.whom, j.rights),
    pg_catalog.format('REVOKE ALL%s ON %s %s FROM %s',
        CASE j.attribute WHEN '' THEN '' ELSE pg_catalog.format(' (%I)', j.attribute) END, j.kind, j.name, j.whom),
    NULL::text
FROM judged j
UNION ALL
SELECT 'schema_granted', t.schema_name, pg_catalog.format('%s may %s', a.grantee::pg_catalog.regrole,
        pg_catalog.string_agg(DISTINCT a.privilege_type, ', ')),
    pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s', t.schema_name, a.grantee::pg_catalog.regrole), NULL
FROM tenant t, pg_catalog.aclexplode(t.nspacl) a
WHERE a.grantee NOT IN (0, t.nspowner) AND a.grantee NOT IN (SELECT oid FROM principal)
  AND a.grantee NOT IN (SELECT oid FROM ours) AND a.grantee NOT IN (SELECT oid FROM trusted)
GROUP BY t.schema_name, a.grantee
UNION ALL
SELECT DISTINCT 'schema_grantable', t.schema_name, pg_catalog.format('%s may give its rights to others', a.grantee::pg_catalog.regrole),
    pg_catalog.format('REVOKE GRANT OPTION FOR ALL ON SCHEMA %I FROM %s CASCADE', t.schema_name, a.grantee::pg_catalog.regrole), NULL
FROM tenant t, pg_catalog.aclexplode(t.nspacl) a
WHERE a.is_grantable AND a.grantee IN (t.role_oid, t.reader_oid) AND a.grantee <> t.nspowner
UNION ALL
SELECT 'default_privileges', c.defaclrole::pg_catalog.regrole || CASE c.defaclnamespace WHEN 0 THEN '' ELSE ' in ' || c.defaclnamespace::pg_catalog.regnamespace END,
    pg_catalog.format('%s will have %s on each new %s', CASE c.grantee WHEN 0 THEN 'PUBLIC' ELSE c.grantee::pg_catalog.regrole::text END, c.rights,
        CASE c.defaclobjtype WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'routine' WHEN 'T' THEN 'type' WHEN 'n' THEN 'schema' ELSE 'large object' END),
    pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s', c.defaclrole::pg_catalog.regrole,
        CASE c.defaclnamespace WHEN 0 THEN '' ELSE ' IN SCHEMA ' || c.defaclnamespace::pg_catalog.regnamespace END,
        CASE c.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END,
        CASE c.grantee WHEN 0 THEN 'PUBLIC' ELSE c.grantee::pg_catalog.regrole::text END), NULL
FROM to_come c
UNION ALL
SELECT 'routine_defaults', t.role_name, 'PUBLIC may call each new routine of it',
    pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON ROUTINES FROM PUBLIC', t.role_name), NULL
FROM tenant t
WHERE t.role_oid IS NOT NULL AND t.status <> 'creating' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_default_acl d
    WHERE d.defaclrole = t.role_oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f'
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(d.defaclacl) a WHERE a.grantee = 0))
UNION ALL
SELECT CASE WHEN i.registry_role IS NULL THEN 'registry_open' ELSE 'registry_write' END,
    g.oid::pg_catalog.regclass || CASE g.attribute WHEN '' THEN '' ELSE ', column ' || g.attribute END,
    pg_catalog.format('%s may %s', CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END, g.rights),
    pg_catalog.format('REVOKE %s%s ON TABLE %s FROM %s',
        CASE WHEN i.registry_role IS NULL THEN 'ALL' ELSE 'INSERT, UPDATE, DELETE, TRUNCATE' END,
        CASE g.attribute WHEN '' THEN '' ELSE pg_catalog.format(' (%I)', g.attribute) END,
        g.oid::pg_catalog.regclass, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END), NULL
FROM registry_given g LEFT JOIN installation i ON i.registry_role = g.rolname
WHERE (i.registry_role IS NULL AND g.rolname IS DISTINCT FROM $1) OR (i.registry_role IS NOT NULL AND g.writes AND g.attribute = '')
UNION ALL
SELECT 'builtin_open', CASE o.kind WHEN 'TABLE' THEN o.oid::pg_catalog.regclass::text ELSE o.oid::pg_catalog.regprocedure::text END,
    pg_catalog.format('%s may %s', CASE o.grantee WHEN 0 THEN 'PUBLIC' ELSE o.grantee::pg_catalog.regrole::text END, o.rights),
    pg_catalog.format('REVOKE %s ON %s %s FROM %s', o.rights, o.kind,
        CASE o.kind WHEN 'TABLE' THEN o.oid::pg_catalog.regclass::text ELSE o.oid::pg_catalog.regprocedure::text END,
        CASE o.grantee WHEN 0 THEN 'PUBLIC' ELSE o.grantee::pg_catalog.regrole::text END), NULL
FROM opened_to o
ORDER BY 1, 2, 3
