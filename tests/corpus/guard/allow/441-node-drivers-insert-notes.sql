-- allow
INSERT INTO notes (body, j, a) VALUES ($1, $2, $3) RETURNING *
