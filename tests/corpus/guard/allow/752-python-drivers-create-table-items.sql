-- allow
CREATE TABLE items (id serial PRIMARY KEY, name text, j jsonb, a int[])
