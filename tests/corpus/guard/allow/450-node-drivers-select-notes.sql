-- allow
SELECT * FROM notes WHERE id IN ($1,$2,$3) AND a = $4
