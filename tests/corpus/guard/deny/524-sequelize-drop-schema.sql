-- deny: server_administration
DROP SCHEMA IF EXISTS "tenant_alpha" CASCADE;
