-- allow
SELECT 1 AS x
