-- deny: setting
SET work_mem = 1024; SET trace_sort = on;
