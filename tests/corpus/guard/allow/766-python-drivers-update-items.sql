-- allow
UPDATE items SET name = $1 WHERE id = $2
