-- allow
DROP POLICY p ON customers; DROP RULE r ON customers;
