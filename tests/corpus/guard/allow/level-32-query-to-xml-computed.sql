-- unhardened: opaque_code
SELECT query_to_xml($1, true, true, '');
