-- allow
CREATE TABLE notes (id serial PRIMARY KEY, body text, at timestamptz DEFAULT now(), j jsonb, a int[])
