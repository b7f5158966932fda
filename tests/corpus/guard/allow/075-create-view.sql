-- allow
CREATE OR REPLACE VIEW v (a, b) AS SELECT id, name FROM customers;
