-- deny: server_files
COPY customers TO '/tmp/x';
