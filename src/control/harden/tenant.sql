
DECLARE
    tenants pg_catalog.oid := pg_catalog.to_regrole({tenants_role});
    role_set pg_catalog.text := pg_catalog.current_setting('role');
BEGIN
    -- Logged in as the tenant: nothing the session says about itself matters.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_auth_members m
        WHERE m.roleid OPERATOR(pg_catalog.=) tenants
          AND m.member OPERATOR(pg_catalog.=)
              CAST(pg_catalog.to_regrole(pg_catalog.quote_ident(SESSION_USER)) AS pg_catalog.oid)
    ) THEN
        RETURN SESSION_USER;
    END IF;
    -- SET ROLE. Inside a SECURITY DEFINER function CURRENT_USER is the function's owner, this is not.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_auth_members m
        WHERE m.roleid OPERATOR(pg_catalog.=) tenants
          AND m.member OPERATOR(pg_catalog.=)
              CAST(pg_catalog.to_regrole(pg_catalog.quote_ident(role_set)) AS pg_catalog.oid)
    ) THEN
        RETURN role_set;
    END IF;
    RETURN NULL;
END
