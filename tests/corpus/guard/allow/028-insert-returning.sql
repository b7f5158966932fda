-- allow
INSERT INTO customers (name) VALUES ($1) RETURNING id;
