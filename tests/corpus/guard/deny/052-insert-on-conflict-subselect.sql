-- deny: cross_schema
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = (SELECT name FROM tenant_beta.customers LIMIT 1);
