-- deny: server_administration
CREATE FOREIGN TABLE x (a int) SERVER s;
