-- Roles, memberships, settings of roles, and tenants that are not whole.
setting AS (
    SELECT s.setrole, s.setdatabase, pg_catalog.split_part(c.line, '=', 1) AS name,
        pg_catalog.lower(pg_catalog.split_part(c.line, '=', 1)) IN
            ('role', 'session_authorization', 'local_preload_libraries', 'session_preload_libraries', 'row_security', 'lo_compat_privileges') AS risky
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN pg_catalog.unnest(s.setconfig) AS c (line)
    WHERE s.setdatabase IN (0, (SELECT oid FROM here))
      AND (s.setrole = 0 OR s.setrole IN (SELECT oid FROM principal) OR s.setrole IN (SELECT oid FROM ours))
)
SELECT 'extra_membership', u.rolname::text, pg_catalog.format('is a member of %s', r.rolname),
    pg_catalog.format('REVOKE %I FROM %I', r.rolname, u.rolname), NULL::text
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
WHERE (m.member IN (SELECT oid FROM principal) OR m.member IN (SELECT oid FROM tenants_role))
  AND m.roleid NOT IN (SELECT oid FROM tenants_role)
UNION ALL
SELECT 'member_of_tenant', u.rolname, pg_catalog.format('is a member of %s, and has what it has', r.rolname),
    pg_catalog.format('REVOKE %I FROM %I', r.rolname, u.rolname), NULL
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
WHERE m.roleid IN (SELECT oid FROM principal) AND m.member NOT IN (SELECT oid FROM principal)
  AND m.member NOT IN (SELECT oid FROM ours) AND m.member NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT 'tenants_role', r.rolname, 'can log in, or has rights of its own',
    pg_catalog.format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS', r.rolname), NULL
FROM tenants_role r
WHERE r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
UNION ALL
SELECT 'orphan_member', u.rolname, pg_catalog.format('is a member of %s and no tenant of the registry', r.rolname),
    pg_catalog.format('REVOKE %I FROM %I', r.rolname, u.rolname), NULL
FROM pg_catalog.pg_auth_members m JOIN tenants_role r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
WHERE m.member NOT IN (SELECT oid FROM principal) AND m.member NOT IN (SELECT oid FROM ours)
  AND m.member NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT 'not_a_tenant', w.name, pg_catalog.format('is not a member of %s: what holds for tenants does not hold for it', r.rolname),
    pg_catalog.format('GRANT %I TO %I', r.rolname, w.name), NULL
FROM tenants_role r CROSS JOIN (
    SELECT role_oid, role_name FROM tenant WHERE status <> 'creating' AND role_oid IS NOT NULL
    UNION ALL SELECT reader_oid, reader_role FROM tenant WHERE status <> 'creating' AND reader_oid IS NOT NULL) AS w (oid, name)
LEFT JOIN pg_catalog.pg_auth_members m ON m.roleid = r.oid AND m.member = w.oid
WHERE m.member IS NULL
UNION ALL
SELECT 'orphan_schema', n.nspname, pg_catalog.format('belongs to %s and to no tenant of the registry', n.nspowner::pg_catalog.regrole),
    -- Without CASCADE: what is in it is not thrown away by a line that was pasted.
    pg_catalog.format('DROP SCHEMA %I', n.nspname), NULL
FROM pg_catalog.pg_namespace n
WHERE pg_catalog.starts_with(n.nspname::text, 'tenant_') AND n.nspname NOT IN (SELECT schema_name FROM tenant)
UNION ALL
SELECT 'schema_missing', t.slug, pg_catalog.format('its schema %s does not exist', t.schema_name), NULL,
    pg_catalog.format('pgtenant tenant create %s', t.slug)
FROM tenant t WHERE t.schema_oid IS NULL AND t.status IN ('active', 'suspended')
UNION ALL
SELECT 'role_missing', t.slug, pg_catalog.format('its role %s does not exist', t.role_name), NULL,
    pg_catalog.format('pgtenant tenant create %s', t.slug)
FROM tenant t WHERE t.role_oid IS NULL AND t.status IN ('active', 'suspended')
UNION ALL
SELECT 'role_missing', t.slug, pg_catalog.format('its role %s, which reads, does not exist', t.reader_role), NULL,
    pg_catalog.format('pgtenant tenant create %s', t.slug)
FROM tenant t WHERE t.reader_role IS NOT NULL AND t.reader_oid IS NULL AND t.status IN ('active', 'suspended')
UNION ALL
SELECT CASE WHEN s.risky THEN 'risky_setting' ELSE 'role_setting' END,
    CASE WHEN s.setrole = 0 THEN 'all roles' ELSE s.setrole::pg_catalog.regrole::text END
        || CASE WHEN s.setdatabase = 0 THEN '' ELSE ' in ' || h.datname END,
    pg_catalog.format('sessions begin with a setting of %s', s.name),
    CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN pg_catalog.format('ALTER ROLE ALL RESET %I', s.name)
         WHEN s.setrole = 0 THEN pg_catalog.format('ALTER DATABASE %I RESET %I', h.datname, s.name)
         WHEN s.setdatabase = 0 THEN pg_catalog.format('ALTER ROLE %s RESET %I', s.setrole::pg_catalog.regrole, s.name)
         ELSE pg_catalog.format('ALTER ROLE %s IN DATABASE %I RESET %I', s.setrole::pg_catalog.regrole, h.datname, s.name) END, NULL
FROM setting s, here h WHERE s.risky OR s.setrole <> 0
ORDER BY 1, 2, 3
