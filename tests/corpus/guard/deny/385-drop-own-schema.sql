-- deny: server_administration
DROP SCHEMA tenant_alpha CASCADE;
