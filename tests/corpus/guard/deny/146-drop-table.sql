-- deny: cross_schema
DROP TABLE IF EXISTS tenant_beta.customers CASCADE;
