-- deny: server_administration
CREATE PUBLICATION p FOR ALL TABLES;
