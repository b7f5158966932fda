-- allow
SELECT 'customers'::regclass, 'tenant_alpha.customers'::regclass, 16384::regclass, '16384'::regclass;
