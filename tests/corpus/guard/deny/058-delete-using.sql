-- deny: cross_schema
DELETE FROM customers USING tenant_beta.customers d WHERE d.id = customers.id;
