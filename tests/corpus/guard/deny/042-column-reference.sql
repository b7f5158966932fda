-- deny: cross_schema
SELECT tenant_beta.customers.name FROM customers;
