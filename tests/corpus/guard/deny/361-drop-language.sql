-- deny: server_administration
DROP LANGUAGE plpgsql;
