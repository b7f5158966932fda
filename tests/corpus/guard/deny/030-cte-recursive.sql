-- deny: cross_schema
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, tenant_beta.customers) SELECT * FROM r;
