-- deny: cross_schema
CREATE MATERIALIZED VIEW v AS SELECT * FROM tenant_beta.customers;
