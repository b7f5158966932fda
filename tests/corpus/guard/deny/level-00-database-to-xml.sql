-- deny: cross_schema
SELECT database_to_xml(true, true, '');
