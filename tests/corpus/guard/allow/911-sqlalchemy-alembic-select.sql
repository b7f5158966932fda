-- allow
SELECT 1 ::int
