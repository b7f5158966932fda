-- allow
EXPLAIN (ANALYZE, COSTS off) SELECT * FROM customers;
