-- deny: server_administration
ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b;
