-- deny: server_administration
SELECT pg_stat_reset();
