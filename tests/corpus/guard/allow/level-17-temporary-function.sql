-- unhardened: opaque_code
SELECT pg_temp.total(7);
