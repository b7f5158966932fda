-- deny: setting
ALTER ROUTINE f() SET work_mem = 1024 SET trace_notify TO on;
