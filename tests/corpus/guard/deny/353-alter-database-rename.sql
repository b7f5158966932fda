-- deny: server_administration
ALTER DATABASE app RENAME TO x;
