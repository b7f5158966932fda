-- allow
SELECT tenant_alpha.customers.name FROM tenant_alpha.customers;
