-- shared: other_sessions
CREATE VIEW busy AS SELECT a.query FROM pg_catalog.pg_stat_activity a;
