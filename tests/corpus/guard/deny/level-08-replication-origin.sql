-- deny: server_administration
SELECT pg_replication_origin_create('x');
