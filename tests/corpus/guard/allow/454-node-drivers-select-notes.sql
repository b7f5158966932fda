-- allow
SELECT * FROM notes ORDER BY id
