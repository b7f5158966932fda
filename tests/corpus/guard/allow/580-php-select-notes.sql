-- allow
SELECT * FROM notes WHERE id = $1 AND body IS NOT NULL
