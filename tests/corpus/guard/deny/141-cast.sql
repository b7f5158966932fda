-- deny: cross_schema
SELECT NULL::tenant_beta.customers;
