-- deny: cross_database
DROP TABLE app.tenant_alpha.customers;
