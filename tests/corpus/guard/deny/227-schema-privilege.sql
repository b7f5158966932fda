-- deny: cross_schema
SELECT has_schema_privilege('tenant_beta', 'USAGE');
