-- allow
SELECT 1/0
