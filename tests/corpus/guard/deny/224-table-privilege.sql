-- deny: cross_schema
SELECT has_table_privilege('tenant_beta.customers', 'SELECT');
