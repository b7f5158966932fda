-- deny: cross_schema
INSERT INTO customers (id) VALUES (1) RETURNING (SELECT name FROM tenant_beta.customers LIMIT 1);
