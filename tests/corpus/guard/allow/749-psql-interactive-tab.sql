-- allow
 SELECT amname    FROM pg_catalog.pg_am   WHERE amname LIKE '%'
LIMIT 1000
