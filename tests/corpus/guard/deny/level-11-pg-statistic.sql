-- deny: server_administration
SELECT * FROM pg_catalog.pg_statistic;
