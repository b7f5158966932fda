-- allow
SELECT * FROM notes WHERE id = $1
