
DECLARE
    at pg_catalog.int4;
BEGIN
    FOR number IN 1 .. pg_catalog.cardinality(statements) LOOP
        at := number;
        EXECUTE statements[number];
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = pg_catalog.format('%s: %s', names[at], SQLERRM);
END
