-- deny: server_administration
CREATE PUBLICATION p FOR TABLES IN SCHEMA tenant_beta;
