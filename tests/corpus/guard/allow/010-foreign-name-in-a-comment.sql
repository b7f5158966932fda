-- allow
SELECT 1; -- FROM tenant_beta.customers
/* tenant_beta.customers */
