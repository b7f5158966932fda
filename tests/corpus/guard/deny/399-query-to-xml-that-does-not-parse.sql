-- deny: unparsable
SELECT query_to_xml('SELEC 1', true, false, '');
