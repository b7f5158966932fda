-- deny: cross_schema
SELECT to_regclass('tenant_beta.customers');
