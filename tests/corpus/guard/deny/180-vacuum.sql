-- deny: cross_schema
VACUUM tenant_beta.customers;
