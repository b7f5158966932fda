-- deny: server_files
SELECT lo_import('/etc/passwd');
