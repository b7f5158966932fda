-- allow
SELECT query_to_xml('SELECT id FROM customers', true, true, '');
