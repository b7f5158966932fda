-- deny: server_administration
DROP EVENT TRIGGER e;
