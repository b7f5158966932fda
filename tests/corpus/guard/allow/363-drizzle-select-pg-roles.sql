-- allow
SELECT rolname, rolinherit, rolcreatedb, rolcreaterole FROM pg_roles;
