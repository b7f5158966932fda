-- shared: other_sessions
SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity;
