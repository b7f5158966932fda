-- allow
INSERT INTO users (name, tags) VALUES ($1, $2)
RETURNING *
