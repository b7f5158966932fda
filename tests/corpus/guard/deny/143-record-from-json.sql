-- deny: cross_schema
SELECT * FROM json_populate_record(NULL::tenant_beta.customers, '{}');
