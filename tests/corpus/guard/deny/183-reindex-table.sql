-- deny: cross_schema
REINDEX TABLE tenant_beta.customers;
