-- allow
INSERT INTO items (name, a) VALUES ('a',ARRAY[1]),('b''; --',ARRAY[2])
