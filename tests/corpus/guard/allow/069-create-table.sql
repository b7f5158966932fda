-- allow
CREATE TABLE IF NOT EXISTS tickets (id bigserial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers (id) ON DELETE CASCADE, a int, b int, UNIQUE (a, b), FOREIGN KEY (a, b) REFERENCES pairs (x, y), EXCLUDE USING gist (r WITH &&));
