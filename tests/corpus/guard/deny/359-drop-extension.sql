-- deny: server_administration
DROP EXTENSION hstore;
