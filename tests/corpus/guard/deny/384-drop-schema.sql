-- deny: server_administration
DROP SCHEMA tenant_beta CASCADE;
