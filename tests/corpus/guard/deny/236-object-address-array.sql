-- deny: cross_schema
SELECT pg_get_object_address('table', ARRAY['tenant_beta', 'customers'], '{}');
