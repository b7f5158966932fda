-- deny: cross_schema
EXPLAIN (ANALYZE, BUFFERS) DELETE FROM tenant_beta.customers;
