-- Only the guard's role may call the moved function, besides roles that are no tenant's and were granted it.
DO $do$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM pg_proc p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.oid = 'pgtenant_guard.{name}({types})'::regprocedure
          AND (a.grantee = 0 OR a.grantee IN ({holders}))
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION pgtenant_guard.{name}({types}) FROM %s', grantee);
    END LOOP;
    GRANT EXECUTE ON FUNCTION pgtenant_guard.{name}({types}) TO {guard};
END $do$;
