-- allow
SELECT * FROM tenant_alpha.customers;
