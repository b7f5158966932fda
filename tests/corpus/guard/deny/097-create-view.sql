-- deny: cross_schema
CREATE VIEW v AS SELECT * FROM tenant_beta.customers;
