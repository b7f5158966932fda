-- deny: server_files
SELECT pg_catalog.pg_read_binary_file('x');
