-- allow
CREATE VIEW cheap AS SELECT * FROM post WHERE price < 5
