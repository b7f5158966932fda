-- deny: cross_schema
TRUNCATE customers, tenant_beta.customers;
