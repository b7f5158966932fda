-- deny: server_administration
ALTER PUBLICATION p ADD TABLE customers;
