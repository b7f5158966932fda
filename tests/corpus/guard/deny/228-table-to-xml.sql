-- deny: cross_schema
SELECT table_to_xml('tenant_beta.customers', true, false, '');
