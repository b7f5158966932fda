-- allow
COMMENT ON CONSTRAINT c ON customers IS 'x'; COMMENT ON TRIGGER t ON customers IS 'y';
