-- deny: server_administration
ALTER DATABASE app OWNER TO x;
