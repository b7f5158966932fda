-- deny: server_administration
SELECT * FROM pg_largeobject;
