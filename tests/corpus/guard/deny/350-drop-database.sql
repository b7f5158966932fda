-- deny: server_administration
DROP DATABASE x;
