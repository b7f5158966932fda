-- deny: server_files
SELECT * FROM pg_stat_file('x');
