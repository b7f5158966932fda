SELECT r.oid FROM pg_catalog.pg_roles r
WHERE NOT r.rolsuper AND NOT r.rolcreaterole
  -- From the role they share down: to ask pg_has_role for each role takes time with the square of their number.
  AND r.oid IN (
      WITH RECURSIVE tenant_member (oid) AS (
          SELECT pg_catalog.to_regrole({tenants_role})::pg_catalog.oid
          UNION
          SELECT m.member FROM tenant_member b JOIN pg_catalog.pg_auth_members m ON m.roleid = b.oid)
      SELECT b.oid FROM tenant_member b)
  AND r.oid NOT IN (
      SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
      UNION ALL
      SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant')
