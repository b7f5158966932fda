-- deny: cross_schema
SELECT pg_total_relation_size('tenant_beta.customers');
