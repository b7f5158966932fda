-- allow
SELECT c.name FROM customers c;
