-- deny: server_files
COPY (SELECT 1) TO PROGRAM 'cat';
