-- deny: server_administration
CREATE SCHEMA IF NOT EXISTS AUTHORIZATION tenant_beta;
