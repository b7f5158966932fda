-- deny: cross_schema
ALTER TABLE customers SET SCHEMA tenant_beta;
