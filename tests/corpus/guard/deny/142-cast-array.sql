-- deny: cross_schema
SELECT CAST(NULL AS tenant_beta.customers[]);
