-- allow
SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'customers';
