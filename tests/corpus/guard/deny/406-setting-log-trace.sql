-- deny: setting
SET trace_sort = on;
