-- Puts one function of PostgreSQL's own back, with the privileges it had.
DO $do$
DECLARE
    was aclitem[] := (SELECT o.acl::aclitem[] FROM pgtenant_guard.originals o
                      WHERE o.name = '{name}' AND o.types = '{types}');
    owner oid := (SELECT p.proowner FROM pg_proc p WHERE p.oid = '{schema}.{name}({types})'::regprocedure);
    may record;
BEGIN
    IF EXISTS (SELECT FROM pg_proc p WHERE p.oid >= 16384
               AND p.oid = to_regprocedure('pg_catalog.{name}({types})'))
    THEN
        DROP FUNCTION pg_catalog.{name}({types});
    END IF;
    ALTER FUNCTION {schema}.{name}({types}) SET SCHEMA pg_catalog;
    FOR may IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_proc p, aclexplode(p.proacl) a
        WHERE p.oid = 'pg_catalog.{name}({types})'::regprocedure AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION pg_catalog.{name}({types}) FROM %s', may.grantee);
    END LOOP;
    FOR may IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
            a.is_grantable
        FROM aclexplode(COALESCE(was, acldefault('f', owner))) a WHERE a.grantee <> owner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION pg_catalog.{name}({types}) TO %s%s', may.grantee,
            CASE WHEN may.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    -- GRANT writes the default privileges out; as they were they were NULL.
    UPDATE pg_proc SET proacl = was WHERE oid = 'pg_catalog.{name}({types})'::regprocedure;
END $do$;
