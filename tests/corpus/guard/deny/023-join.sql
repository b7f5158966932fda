-- deny: cross_schema
SELECT * FROM customers c JOIN tenant_beta.customers d ON c.id = d.id;
