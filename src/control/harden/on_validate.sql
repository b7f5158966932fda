
DECLARE
    routine pg_catalog.oid;
    language pg_catalog.text;
    settings pg_catalog.text[];
    setting pg_catalog.text;
BEGIN
    -- As CREATE FUNCTION itself did before its validators were taken out, but after the routine was made
    -- SECURITY DEFINER: checking a body can run code, also the new routine's own.
    FOR routine, language, settings IN
        SELECT p.oid, l.lanname, p.proconfig
        FROM pg_catalog.pg_event_trigger_ddl_commands() c
        JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) c.objid
        JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
        WHERE c.classid OPERATOR(pg_catalog.=) CAST('pg_catalog.pg_proc' AS pg_catalog.regclass)
    LOOP
        BEGIN
            IF settings IS NOT NULL
                AND pg_catalog.current_setting('check_function_bodies') OPERATOR(pg_catalog.=) 'on'
            THEN
                FOREACH setting IN ARRAY settings LOOP
                    BEGIN
                        PERFORM pg_catalog.set_config(
                            pg_catalog.split_part(setting, '=', 1),
                            pg_catalog.substr(setting, pg_catalog.int4pl(pg_catalog.strpos(setting, '='), 1)),
                            true);
                    EXCEPTION WHEN insufficient_privilege THEN
                        -- An administrator's setting; the body is checked without it.
                        NULL;
                    END;
                END LOOP;
            END IF;
            IF language OPERATOR(pg_catalog.=) 'pgtenant_guard_sql' THEN
                PERFORM pg_catalog.fmgr_sql_validator(routine);
            ELSIF language OPERATOR(pg_catalog.=) 'pgtenant_guard_plpgsql' THEN
                PERFORM pg_catalog.plpgsql_validator(routine);
            END IF;
            -- Takes the settings back. What the body's check found wrong passes by as it is.
            RAISE EXCEPTION USING ERRCODE = 'PGT00';
        EXCEPTION WHEN SQLSTATE 'PGT00' THEN
            NULL;
        END;
    END LOOP;
END
