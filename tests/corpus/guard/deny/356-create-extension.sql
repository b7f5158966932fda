-- deny: server_administration
CREATE EXTENSION IF NOT EXISTS dblink;
