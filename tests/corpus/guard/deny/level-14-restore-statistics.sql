-- deny: cross_schema
SELECT pg_restore_relation_stats('relname', 'customers', 'schemaname', 'tenant_beta', 'relpages', 1);
