-- deny: cross_schema
SELECT tenant_beta.customers.* FROM customers;
