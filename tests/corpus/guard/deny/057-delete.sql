-- deny: cross_schema
DELETE FROM tenant_beta.customers;
