-- deny: cross_schema
UPDATE tenant_beta.customers SET name = 'x';
