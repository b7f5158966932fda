-- shared: opaque_code
SELECT * FROM xpath_table('id', 'doc', 'docs', '/a', 'true') AS t(id int, a text);
