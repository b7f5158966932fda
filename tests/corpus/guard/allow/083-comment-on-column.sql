-- allow
COMMENT ON COLUMN customers.name IS 'x';
