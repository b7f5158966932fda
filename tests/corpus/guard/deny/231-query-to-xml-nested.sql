-- deny: cross_schema
SELECT query_to_xml('SELECT query_to_xml(''SELECT * FROM tenant_beta.customers'', true, false, '''')', true, false, '');
