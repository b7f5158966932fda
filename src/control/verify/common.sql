-- Ahead of each of the queries beside it, all of which read everything at once: nothing is asked for each tenant.
-- A row is: id of the check, object, what was found, the fix as SQL, the fix as a command. $1 is the role that owns the hardening's functions.
WITH installation AS (SELECT * FROM pgtenant.installation),
here AS (SELECT d.oid, d.datname, d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()),
tenant AS MATERIALIZED (
    SELECT t.slug, t.status, t.isolation, t.schema_name, t.role_name, t.reader_role,
        n.oid AS schema_oid, n.nspowner, n.nspacl, r.oid AS role_oid, d.oid AS reader_oid
    FROM pgtenant.tenants_here t
    LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema_name
    LEFT JOIN pg_catalog.pg_roles r ON r.rolname = t.role_name
    LEFT JOIN pg_catalog.pg_roles d ON d.rolname = t.reader_role
),
-- Whoever is one tenant.
principal AS MATERIALIZED (
    SELECT role_oid AS oid, schema_oid FROM tenant WHERE role_oid IS NOT NULL
    UNION ALL SELECT reader_oid, schema_oid FROM tenant WHERE reader_oid IS NOT NULL
),
tenants_role AS MATERIALIZED (
    SELECT r.* FROM pg_catalog.pg_roles r JOIN installation i ON i.tenants_role = r.rolname
),
-- What the proxy has besides.
ours AS MATERIALIZED (
    SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r, installation i
    WHERE r.rolname IN (i.registry_role, i.tenants_role, i.pool_role, i.spare_role, $1)
),
-- Administrators: whoever may do anything, or gives roles, or has the database or the registry.
trusted AS MATERIALIZED (
    SELECT r.oid FROM pg_catalog.pg_roles r
    WHERE (r.rolsuper OR r.rolcreaterole OR r.oid IN (SELECT datdba FROM here)
           OR r.oid IN (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant'))
      AND r.oid NOT IN (SELECT oid FROM principal) AND r.oid NOT IN (SELECT oid FROM ours)
),
