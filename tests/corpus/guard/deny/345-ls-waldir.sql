-- deny: server_files
SELECT * FROM pg_ls_waldir();
