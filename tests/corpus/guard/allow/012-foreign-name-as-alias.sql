-- allow
SELECT c.name FROM customers AS tenant_beta, customers c WHERE tenant_beta.id = c.id;
