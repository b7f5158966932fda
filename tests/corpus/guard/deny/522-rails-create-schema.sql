-- deny: server_administration
CREATE SCHEMA "tenant_alpha"
