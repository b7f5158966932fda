-- deny: cross_schema
DROP TABLE customers, tenant_beta.customers;
