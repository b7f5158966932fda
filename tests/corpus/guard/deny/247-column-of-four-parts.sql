-- deny: cross_database
SELECT app.tenant_alpha.customers.name FROM customers;
