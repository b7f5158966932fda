-- deny: cross_schema
SELECT has_table_privilege('someone', 'tenant_beta.customers', 'SELECT');
