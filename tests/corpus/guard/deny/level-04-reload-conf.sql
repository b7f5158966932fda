-- deny: server_administration
SELECT pg_reload_conf();
