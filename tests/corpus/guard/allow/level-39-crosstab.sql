-- unhardened: opaque_code
SELECT * FROM crosstab('SELECT id, k, v FROM customers') AS t(id int, a text);
