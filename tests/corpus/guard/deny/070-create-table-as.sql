-- deny: cross_schema
CREATE TABLE x AS SELECT * FROM tenant_beta.customers;
