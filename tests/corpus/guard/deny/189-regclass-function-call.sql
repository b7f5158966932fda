-- deny: cross_schema
SELECT regclass('tenant_beta.customers');
