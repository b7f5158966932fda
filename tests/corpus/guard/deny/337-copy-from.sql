-- deny: server_files
COPY customers FROM '/etc/passwd';
