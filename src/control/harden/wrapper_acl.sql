-- Whoever could not call the original cannot call the wrapper.
DO $do$
DECLARE
    was aclitem[] := (SELECT o.acl::aclitem[] FROM pgtenant_guard.originals o
                      WHERE o.name = '{name}' AND o.types = '{types}');
    may record;
BEGIN
    IF was IS NOT NULL THEN
        REVOKE ALL ON FUNCTION pg_catalog.{name}({types}) FROM PUBLIC;
        FOR may IN
            SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
                a.is_grantable
            FROM aclexplode(was) a WHERE a.privilege_type = 'EXECUTE'
        LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION pg_catalog.{name}({types}) TO %s%s', may.grantee,
                CASE WHEN may.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
    END IF;
END $do$;
