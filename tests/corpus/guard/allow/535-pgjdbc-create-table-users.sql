-- allow
 CREATE TABLE users (id serial PRIMARY KEY, name text UNIQUE, m mood, tags text[])
