-- unhardened: opaque_code
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
