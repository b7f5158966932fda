-- unhardened: opaque_code
ALTER FUNCTION total(int) IMMUTABLE;
