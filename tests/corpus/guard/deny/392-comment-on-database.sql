-- deny: server_administration
COMMENT ON DATABASE app IS 'x';
