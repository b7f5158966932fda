-- allow
SELECT 1+1 AS result
