-- deny: cross_schema
SELECT * FROM XMLTABLE('/a' PASSING (SELECT x FROM tenant_beta.docs) COLUMNS a text);
