-- deny: setting
ALTER FUNCTION f() SET trace_sort TO on;
