-- deny: cross_schema
SELECT 'tenant_beta.+(int,int)'::regoperator;
