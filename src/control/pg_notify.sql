
DECLARE
    secret pg_catalog.text;
BEGIN
    -- Who owns this function may read the table, and nobody else calls it with another session's user.
    SELECT c.prefix INTO secret FROM pgtenant.channels c
    WHERE c.role_name OPERATOR(pg_catalog.=) CAST(SESSION_USER AS pg_catalog.text);
    IF secret IS NULL OR $1 IS NULL
        OR pg_catalog.octet_length($1) OPERATOR(pg_catalog.=) 0
        OR pg_catalog.octet_length($1) OPERATOR(pg_catalog.>) 63
    THEN
        -- The last three are PostgreSQL's own errors, about the name the client gave.
        PERFORM pg_catalog.pg_notify($1, $2);
    ELSIF pg_catalog.octet_length($1) OPERATOR(pg_catalog.<=) 38 THEN
        PERFORM pg_catalog.pg_notify(pg_catalog.concat(secret, ':', $1), $2);
    ELSE
        PERFORM pg_catalog.pg_notify(pg_catalog.concat(secret, '#', pg_catalog.substr(
            pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8')), 'hex'), 1, 38)), $2);
    END IF;
END
