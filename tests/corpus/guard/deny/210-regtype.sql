-- deny: cross_schema
SELECT 'tenant_beta.mood[]'::regtype;
