-- deny: server_files
SELECT pg_read_file('/etc/passwd');
