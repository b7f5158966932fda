-- allow
SELECT * FROM "tenant_beta.customers";
