-- deny: cross_schema
SELECT has_column_privilege('tenant_beta.customers', 'name', 'SELECT');
