-- deny: server_administration
SELECT pg_drop_replication_slot('other');
