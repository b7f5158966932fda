-- deny: cross_schema
SELECT 'tenant_beta.german'::regconfig;
