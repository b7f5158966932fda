-- deny: server_administration
CREATE EXTENSION hstore SCHEMA tenant_alpha;
