-- deny: server_administration
SELECT pg_backup_start('x');
