-- PostgreSQL's own functions that are moved, wherever they are now, each with its wrapper.
-- The OIDs of PostgreSQL's own functions are below 16384; a copy out of a dump is above.
SELECT p.proname::text, pg_catalog.oidvectortypes(p.proargtypes), pg_catalog.pg_get_function_arguments(p.oid),
    pg_catalog.pg_get_function_result(p.oid), n.nspname::text,
    CASE p.provolatile WHEN 'v' THEN 'VOLATILE' WHEN 's' THEN 'STABLE' ELSE 'IMMUTABLE' END,
    p.proisstrict,
    CASE p.proparallel WHEN 'u' THEN 'UNSAFE' WHEN 'r' THEN 'RESTRICTED' ELSE 'SAFE' END,
    EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
            WHERE a.grantee = 0 OR a.grantee IN ({holders})) AS open,
    EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) a
            WHERE a.grantee = pg_catalog.to_regrole({guard_role})::pg_catalog.oid) AS granted,
    w.oid IS NOT NULL AS wrapped,
    COALESCE(w.prosecdef AND w.proconfig IS NULL AND w.prokind = 'f'
        AND w.proowner = pg_catalog.to_regrole({guard_role})::pg_catalog.oid
        AND w.prolang = (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname = 'plpgsql')
        AND (w.provolatile, w.proisstrict, w.proparallel, w.prorettype, w.proretset)
            = (p.provolatile, p.proisstrict, p.proparallel, p.prorettype, p.proretset), false) AS right,
    COALESCE(w.prosrc, '')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_proc w ON w.proname = p.proname AND w.proargtypes = p.proargtypes AND w.oid >= 16384
    AND w.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
WHERE p.oid < 16384
  AND p.proname ~ '^(set_config|pg_notify|pg_(try_)?advisory_(xact_)?lock(_shared)?|pg_advisory_unlock(_shared)?)$'
ORDER BY 1, 2
