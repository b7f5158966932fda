-- deny: server_administration
CREATE SCHEMA IF NOT EXISTS tenant_beta;
