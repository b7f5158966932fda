-- allow
SELECT query_to_xml('SELECT * FROM customers', true, false, '');
