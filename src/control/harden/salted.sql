
DECLARE
    -- The key is of fixed length for each form, so that no two (form, key, tenant) read the same.
    hash pg_catalog.bytea := pg_catalog.sha256(pg_catalog.byteacat(key, pg_catalog.convert_to(tenant, 'UTF8')));
BEGIN
    RETURN CAST(CAST(pg_catalog.concat('x', pg_catalog.substr(pg_catalog.encode(hash, 'hex'), 1, 16))
        AS pg_catalog.bit(64)) AS pg_catalog.int8);
END
