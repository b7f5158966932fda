-- deny: server_administration
DROP TABLESPACE x;
