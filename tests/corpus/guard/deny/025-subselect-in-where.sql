-- deny: cross_schema
SELECT * FROM customers WHERE id IN (SELECT id FROM tenant_beta.customers);
