
DECLARE
    routine record;
BEGIN
    -- What a REFRESH MATERIALIZED VIEW runs is told to no event trigger.
    IF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_proc'::regclass) THEN
        RAISE EXCEPTION 'routines cannot be made or changed while a materialized view is refreshed'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Do it in a statement of its own.';
    END IF;
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
    -- Until its body is checked the new routine is in a language that cannot be run. The validators
    -- accept routines only of a language that names them.
    UPDATE pg_proc p SET prolang = checked.oid
    FROM pg_event_trigger_ddl_commands() c, pg_language l, pg_language checked
    WHERE tg_tag IN ('CREATE FUNCTION', 'CREATE PROCEDURE') AND c.classid = 'pg_proc'::regclass
      AND p.oid = c.objid AND l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
      AND checked.lanname = 'pgtenant_guard_' || l.lanname;
END
