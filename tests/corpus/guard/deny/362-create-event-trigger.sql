-- deny: server_administration
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
