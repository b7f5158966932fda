-- allow
SELECT 'tenant_beta.customers', 'SET ROLE x';
