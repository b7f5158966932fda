-- deny: setting
SELECT pg_catalog."set_config"($x$trace_sort$x$, 'on', true);
