-- deny: cross_schema
SELECT ARRAY['tenant_beta.customers']::regclass[];
