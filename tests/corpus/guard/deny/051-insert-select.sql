-- deny: cross_schema
INSERT INTO customers SELECT * FROM tenant_beta.customers;
