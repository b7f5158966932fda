
DECLARE
    tenant pg_catalog.text := pgtenant_guard.tenant();
BEGIN
    IF tenant IS NULL OR $1 IS NULL
        OR pg_catalog.octet_length($1) OPERATOR(pg_catalog.=) 0
        OR pg_catalog.octet_length($1) OPERATOR(pg_catalog.>) 63
    THEN
        -- The last three are PostgreSQL's own errors, about the name the client gave.
        PERFORM pgtenant_guard.pg_notify($1, $2);
    ELSE
        PERFORM pgtenant_guard.pg_notify(pgtenant_guard.channel(tenant, $1), $2);
    END IF;
END
