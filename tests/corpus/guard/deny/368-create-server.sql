-- deny: server_administration
CREATE SERVER s FOREIGN DATA WRAPPER w;
