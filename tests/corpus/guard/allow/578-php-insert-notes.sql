-- allow
INSERT INTO notes (body) VALUES ($1) RETURNING id
