-- deny: cross_schema
SELECT 'tenant_'
'beta.customers'::regclass;
