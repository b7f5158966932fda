-- allow
SELECT 'numeric(10,2)'::regtype, 'timestamp with time zone'::regtype, 'tenant_alpha.mood'::regtype;
