-- deny: cross_schema
SELECT * FROM pg_attribute WHERE attrelid::regclass IN ('customers', 'tenant_beta.customers');
