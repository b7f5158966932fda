-- deny: server_files
SELECT pg_ls_dir('.');
