-- Moves one function of PostgreSQL's own away, where nobody but its wrapper's owner may call it, and
-- notes what its privileges were.
DO $do$
DECLARE
    grantee text;
BEGIN
    DROP FUNCTION IF EXISTS pgtenant_guard.{name}({types});
    INSERT INTO pgtenant_guard.originals (name, types, acl)
    SELECT '{name}', '{types}', p.proacl::text FROM pg_proc p
    WHERE p.oid = '{schema}.{name}({types})'::regprocedure
    ON CONFLICT (name, types) DO UPDATE SET acl = excluded.acl;
    ALTER FUNCTION {schema}.{name}({types}) SET SCHEMA pgtenant_guard;
    FOR grantee IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM pg_proc p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.oid = 'pgtenant_guard.{name}({types})'::regprocedure AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION pgtenant_guard.{name}({types}) FROM %s', grantee);
    END LOOP;
END $do$;
