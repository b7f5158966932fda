-- deny: cross_schema
CLUSTER tenant_beta.customers;
