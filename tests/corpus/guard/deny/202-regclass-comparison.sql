-- deny: cross_schema
SELECT * FROM pg_attribute WHERE attrelid::regclass = 'tenant_beta.customers';
