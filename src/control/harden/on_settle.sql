
BEGIN
    UPDATE pg_proc p SET prolang = l.oid
    FROM pg_event_trigger_ddl_commands() c, pg_language l, pg_language checked
    WHERE c.classid = 'pg_proc'::regclass AND p.oid = c.objid AND checked.oid = p.prolang
      AND l.lanname IN ('sql', 'plpgsql') AND checked.lanname = 'pgtenant_guard_' || l.lanname;
END
