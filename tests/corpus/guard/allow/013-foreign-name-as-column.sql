-- allow
SELECT c.tenant_beta, "tenant_beta.customers" FROM customers c;
