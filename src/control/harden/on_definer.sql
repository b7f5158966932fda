
DECLARE
    routine record;
BEGIN
    FOR routine IN
        SELECT p.oid::regprocedure AS signature, p.proconfig, p.prosecdef, l.lanname
        FROM pg_event_trigger_ddl_commands() c
        JOIN pg_proc p ON p.oid = c.objid JOIN pg_language l ON l.oid = p.prolang
        WHERE c.classid = 'pg_proc'::regclass AND p.prokind <> 'a' AND p.proowner IN ({tenants})
    LOOP
        IF routine.lanname NOT IN ('sql', 'plpgsql') THEN
            RAISE EXCEPTION 'routines of a tenant cannot be in language %', routine.lanname
                USING ERRCODE = 'insufficient_privilege', HINT = 'Write it in sql or plpgsql.';
        END IF;
        IF EXISTS (SELECT FROM unnest(routine.proconfig) setting
                   WHERE lower(split_part(setting, '=', 1)) IN ('role', 'session_authorization')) THEN
            RAISE EXCEPTION 'routines of a tenant cannot set role or session_authorization'
                USING ERRCODE = 'insufficient_privilege',
                      HINT = 'Leave the SET clause out: the routine runs as its owner.';
        END IF;
        IF NOT routine.prosecdef THEN
            EXECUTE format('ALTER ROUTINE %s SECURITY DEFINER', routine.signature);
        END IF;
    END LOOP;
END
