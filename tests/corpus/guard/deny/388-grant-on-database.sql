-- deny: server_administration
GRANT CREATE ON DATABASE app TO PUBLIC;
