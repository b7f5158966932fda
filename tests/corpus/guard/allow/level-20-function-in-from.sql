-- unhardened: opaque_code
SELECT * FROM totals(7) AS t;
