-- Everything besides functions that must be so for the hardening to hold. One row a defect.
-- Reads catalogs only, which everybody may.
WITH tenant AS ({tenants}),
holder AS ({holders}),
guard AS (SELECT * FROM pg_catalog.pg_roles r WHERE r.rolname = {guard_name}),
vault AS (SELECT n.oid, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n WHERE n.nspname = 'pgtenant_guard')
SELECT 'role ' || {guard_name} || ' is missing' AS defect WHERE NOT EXISTS (SELECT FROM guard)
UNION ALL
SELECT 'role ' || g.rolname || ' can log in or has rights of its own' FROM guard g
WHERE g.rolcanlogin OR g.rolsuper OR g.rolcreaterole OR g.rolcreatedb OR g.rolreplication OR g.rolbypassrls
UNION ALL
SELECT 'role ' || g.rolname || ' is a member of ' || m.roleid::pg_catalog.regrole
FROM guard g JOIN pg_catalog.pg_auth_members m ON m.member = g.oid
UNION ALL
SELECT m.member::pg_catalog.regrole || ' is a member of ' || g.rolname
FROM guard g JOIN pg_catalog.pg_auth_members m ON m.roleid = g.oid
JOIN pg_catalog.pg_roles r ON r.oid = m.member AND NOT r.rolsuper AND NOT r.rolcreaterole
UNION ALL
SELECT 'schema pgtenant_guard belongs to ' || v.nspowner::pg_catalog.regrole || ', who is no superuser'
FROM vault v JOIN pg_catalog.pg_roles r ON r.oid = v.nspowner WHERE NOT r.rolsuper
UNION ALL
SELECT 'schema pgtenant_guard is open to ' ||
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END
FROM vault v, pg_catalog.aclexplode(v.nspacl) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM holder)
UNION ALL
SELECT 'schema pgtenant_guard is closed to ' || g.rolname FROM vault v, guard g
WHERE NOT EXISTS (SELECT FROM pg_catalog.aclexplode(v.nspacl) a
                  WHERE a.grantee = g.oid AND a.privilege_type = 'USAGE')
UNION ALL
SELECT 'language ' || l.lanname || ' checks new functions before they are made SECURITY DEFINER'
FROM pg_catalog.pg_language l WHERE l.lanname IN ('sql', 'plpgsql') AND l.lanvalidator <> 0
UNION ALL
SELECT 'language pgtenant_guard_' || l.lanname || ', which checks new functions, is missing or changed'
FROM pg_catalog.pg_language l
WHERE l.lanname IN ('sql', 'plpgsql') AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_language o JOIN pg_catalog.pg_proc p ON p.oid = o.lanvalidator
    WHERE o.lanname = 'pgtenant_guard_' || l.lanname AND NOT o.lanispl AND NOT o.lanpltrusted
      AND o.lanplcallfoid = 0 AND o.laninline = 0 AND o.lanacl IS NULL
      AND p.proname = CASE l.lanname WHEN 'sql' THEN 'fmgr_sql_validator' ELSE 'plpgsql_validator' END
      AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)
UNION ALL
SELECT 'event trigger ' || wanted.name || ' is missing, changed or not ENABLE ALWAYS'
FROM ({event_triggers}) AS wanted (name, tags, function)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
    JOIN pg_catalog.pg_roles r ON r.oid = e.evtowner
    WHERE e.evtname = wanted.name AND e.evtevent = 'ddl_command_end' AND e.evtenabled = 'A' AND r.rolsuper
      AND e.evttags @> wanted.tags::pg_catalog.text[] AND e.evttags <@ wanted.tags::pg_catalog.text[]
      AND p.proname = wanted.function AND p.pronamespace = (SELECT oid FROM vault))
UNION ALL
SELECT 'setting event_triggers is off'
WHERE pg_catalog.current_setting('event_triggers', true) = 'off'
UNION ALL
SELECT 'routine ' || p.oid::pg_catalog.regprocedure || ' of ' || p.proowner::pg_catalog.regrole ||
    CASE WHEN l.lanname NOT IN ('sql', 'plpgsql') THEN ' is in language ' || l.lanname
         WHEN NOT p.prosecdef THEN ' is not SECURITY DEFINER'
         ELSE ' sets role or session_authorization' END
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.proowner IN (SELECT oid FROM tenant) AND p.prokind <> 'a' AND l.lanname <> 'internal'
  AND (l.lanname NOT IN ('sql', 'plpgsql') OR NOT p.prosecdef
       OR EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s
                  WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) IN ('role', 'session_authorization')))
ORDER BY 1
