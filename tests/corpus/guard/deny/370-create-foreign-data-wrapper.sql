-- deny: server_administration
CREATE FOREIGN DATA WRAPPER w;
