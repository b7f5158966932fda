-- deny: cross_database
SELECT * FROM app.tenant_alpha.customers;
