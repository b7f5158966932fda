-- unhardened: opaque_code
ALTER TABLE customers ALTER COLUMN code SET DEFAULT next_code();
