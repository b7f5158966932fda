
DECLARE
    secret pg_catalog.text;
BEGIN
    SELECT c.prefix INTO secret FROM pgtenant.channels c
    WHERE c.role_name OPERATOR(pg_catalog.=) tenant;
    IF secret IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'this tenant has no notification channels',
            HINT = 'The operator can make them with pgtenant init.';
    END IF;
    -- The proxy has added it already; nobody else knows it.
    IF pg_catalog.starts_with(channel, secret) THEN
        RETURN channel;
    END IF;
    -- 63 bytes are PostgreSQL's limit.
    IF pg_catalog.octet_length(channel) OPERATOR(pg_catalog.<=) 38 THEN
        RETURN pg_catalog.concat(secret, ':', channel);
    END IF;
    RETURN pg_catalog.concat(secret, '#', pg_catalog.substr(
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(channel, 'UTF8')), 'hex'), 1, 38));
END
