-- allow
PREPARE p (int) AS SELECT * FROM customers WHERE id = $1; EXECUTE p(1);
