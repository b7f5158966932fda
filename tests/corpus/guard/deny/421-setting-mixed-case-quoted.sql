-- deny: setting
SET "Trace_SORT" = on;
