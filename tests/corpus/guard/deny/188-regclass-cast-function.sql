-- deny: cross_schema
SELECT CAST('tenant_beta.customers' AS pg_catalog.regclass);
