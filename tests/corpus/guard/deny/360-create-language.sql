-- deny: server_administration
CREATE LANGUAGE plpython3u;
