-- Routines of tenants from before the event trigger, with what puts them right.
SELECT pg_catalog.concat_ws(' ', 'ALTER ROUTINE', p.oid::pg_catalog.regprocedure, 'SECURITY DEFINER',
    (SELECT pg_catalog.string_agg(pg_catalog.format('RESET %I', pg_catalog.split_part(s, '=', 1)), ' ')
     FROM pg_catalog.unnest(p.proconfig) s
     WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) IN ('role', 'session_authorization'))),
    p.oid::pg_catalog.regprocedure::pg_catalog.text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.proowner IN ({tenants}) AND p.prokind <> 'a' AND l.lanname IN ('sql', 'plpgsql')
  AND (NOT p.prosecdef
       OR EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s
                  WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) IN ('role', 'session_authorization')))
ORDER BY 2
