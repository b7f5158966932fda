
DECLARE
    prefix pg_catalog.text := pg_catalog.substr(
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(tenant, 'UTF8')), 'hex'), 1, 16);
BEGIN
    -- 63 bytes are PostgreSQL's limit.
    IF pg_catalog.octet_length(channel) OPERATOR(pg_catalog.<=) 46 THEN
        RETURN pg_catalog.concat(prefix, ':', channel);
    END IF;
    RETURN pg_catalog.concat(prefix, '#', pg_catalog.substr(
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(channel, 'UTF8')), 'hex'), 1, 40));
END
