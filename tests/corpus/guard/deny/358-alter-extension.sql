-- deny: server_administration
ALTER EXTENSION hstore UPDATE;
