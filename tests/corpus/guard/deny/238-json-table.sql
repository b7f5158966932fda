-- deny: cross_schema
SELECT * FROM JSON_TABLE((SELECT j FROM tenant_beta.docs), '$' COLUMNS (a int PATH '$.a'));
