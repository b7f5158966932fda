-- deny: cross_schema
ALTER TABLE customers INHERIT tenant_beta.customers;
