-- deny: cross_schema
WITH x AS (SELECT * FROM tenant_beta.customers) SELECT * FROM x;
