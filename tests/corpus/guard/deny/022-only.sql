-- deny: cross_schema
SELECT * FROM ONLY tenant_beta.customers;
