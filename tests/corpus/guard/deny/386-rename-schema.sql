-- deny: server_administration
ALTER SCHEMA tenant_alpha RENAME TO x;
