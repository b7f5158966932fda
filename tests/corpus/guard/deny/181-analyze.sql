-- deny: cross_schema
ANALYZE customers, tenant_beta.customers (name);
