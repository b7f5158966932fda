-- deny: server_administration
ALTER SCHEMA tenant_alpha OWNER TO x;
