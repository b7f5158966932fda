-- shared: other_sessions
SELECT pid, usename, query FROM pg_stat_activity WHERE state = 'active';
