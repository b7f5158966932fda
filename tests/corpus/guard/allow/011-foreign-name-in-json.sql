-- allow
SELECT '{"tenant_beta.customers": [1]}'::jsonb -> 'tenant_beta.customers';
