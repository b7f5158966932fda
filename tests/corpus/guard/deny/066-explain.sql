-- deny: cross_schema
EXPLAIN SELECT * FROM tenant_beta.customers;
