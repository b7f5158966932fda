-- deny: cross_schema
SELECT * FROM customers ORDER BY name USING OPERATOR(tenant_beta.<);
