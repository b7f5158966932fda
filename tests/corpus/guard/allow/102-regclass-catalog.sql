-- allow
SELECT 'pg_catalog.pg_class'::regclass::oid, 'pg_class'::regclass::text = 'tenant_beta';
