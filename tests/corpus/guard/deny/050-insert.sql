-- deny: cross_schema
INSERT INTO tenant_beta.customers (name) VALUES ('x');
