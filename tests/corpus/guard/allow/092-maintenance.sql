-- allow
VACUUM (ANALYZE, VERBOSE) customers (id, name); ANALYZE; REINDEX TABLE CONCURRENTLY customers;
