-- deny: cross_schema
SELECT schema_to_xml('tenant_beta', true, false, '');
