-- deny: server_administration
CREATE TABLESPACE x LOCATION '/x';
