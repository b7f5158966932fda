-- deny: cross_schema
WITH customers AS (SELECT 1) SELECT * FROM tenant_beta.customers;
