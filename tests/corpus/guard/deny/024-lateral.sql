-- deny: cross_schema
SELECT * FROM customers c, LATERAL (SELECT * FROM tenant_beta.customers d WHERE d.id = c.id) x;
