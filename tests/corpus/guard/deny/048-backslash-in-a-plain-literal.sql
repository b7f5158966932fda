-- deny: cross_schema
SELECT 'a\', x FROM tenant_beta.customers; --'
