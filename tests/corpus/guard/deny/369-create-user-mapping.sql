-- deny: server_administration
CREATE USER MAPPING FOR CURRENT_USER SERVER s;
