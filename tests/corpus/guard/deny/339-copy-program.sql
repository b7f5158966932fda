-- deny: server_files
COPY customers FROM PROGRAM 'id';
