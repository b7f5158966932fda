-- allow
-- a comment
INSERT INTO customers (name) VALUES ('Ada; example.org')
