-- allow
SELECT EXISTS ( 
SELECT 1 
FROM pg_tables 
WHERE tablename = 'pg_extension')
