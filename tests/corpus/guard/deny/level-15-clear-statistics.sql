-- deny: cross_schema
SELECT pg_clear_relation_stats('tenant_beta', 'customers');
