-- deny: cross_schema
WITH gone AS (DELETE FROM tenant_beta.customers RETURNING *) SELECT * FROM gone;
