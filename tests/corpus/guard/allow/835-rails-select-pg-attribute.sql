-- allow
SELECT a.attnum, a.attname
FROM pg_attribute a
WHERE a.attrelid = 16524
AND a.attnum IN (2)
