-- unhardened: advisory_lock
SELECT EXISTS( SELECT 1 FROM pg_namespace WHERE nspname = $1 ), version(), current_setting('server_version_num')::integer as numeric_version; SELECT pg_advisory_lock(72707369);
