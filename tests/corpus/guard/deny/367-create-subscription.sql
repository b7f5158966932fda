-- deny: server_administration
CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p;
