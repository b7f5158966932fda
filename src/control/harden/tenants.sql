SELECT r.oid FROM pg_catalog.pg_roles r
WHERE pg_catalog.pg_has_role(r.oid, pg_catalog.to_regrole({tenants_role})::pg_catalog.oid, 'MEMBER')
  AND NOT r.rolsuper AND NOT r.rolcreaterole
  AND r.oid NOT IN (
      SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
      UNION ALL
      SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant')
