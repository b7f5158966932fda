-- allow
SELECT * FROM customers WHERE name LIKE 'tenant_beta.%';
