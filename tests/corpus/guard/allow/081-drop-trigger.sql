-- allow
DROP TRIGGER IF EXISTS t ON customers;
