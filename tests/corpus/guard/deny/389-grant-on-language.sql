-- deny: server_administration
GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC;
