-- allow
SELECT * FROM Tenant_ALPHA.customers;
