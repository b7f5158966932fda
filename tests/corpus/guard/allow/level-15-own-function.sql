-- unhardened: opaque_code
SELECT total(7);
