-- unhardened: opaque_code
SELECT * FROM ts_stat('SELECT v FROM ' || $1);
