-- allow
SELECT c.* FROM customers c;
