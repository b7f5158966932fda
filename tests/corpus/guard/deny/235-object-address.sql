-- deny: cross_schema
SELECT pg_get_object_address('table', '{tenant_beta,customers}', '{}');
