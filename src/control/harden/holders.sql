WITH RECURSIVE holder AS (
    (SELECT pg_catalog.to_regrole({tenants_role})::pg_catalog.oid AS oid
     UNION
     SELECT m.member FROM pg_catalog.pg_auth_members m
     WHERE m.roleid = pg_catalog.to_regrole({tenants_role})::pg_catalog.oid AND m.member IN ({tenants}))
    UNION
    SELECT m.roleid FROM holder h JOIN pg_catalog.pg_auth_members m ON m.member = h.oid
)
SELECT oid FROM holder
