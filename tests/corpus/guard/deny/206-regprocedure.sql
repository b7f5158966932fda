-- deny: cross_schema
SELECT 'f(tenant_beta.customers)'::regprocedure;
