-- deny: cross_schema
SELECT pg_get_serial_sequence('tenant_beta.customers', 'id');
