-- shared: opaque_code
SELECT * FROM dblink('dbname=app', 'SELECT 1') AS t(a int);
