-- allow
CREATE VIEW cheap AS SELECT * FROM books WHERE price < 5
