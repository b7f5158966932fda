-- deny: setting
SET log_statement TO 'none';
