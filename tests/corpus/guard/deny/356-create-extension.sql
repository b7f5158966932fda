-- deny: server_administration
CREATE EXTENSION dblink;
