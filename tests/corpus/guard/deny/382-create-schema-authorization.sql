-- deny: server_administration
CREATE SCHEMA AUTHORIZATION tenant_beta;
