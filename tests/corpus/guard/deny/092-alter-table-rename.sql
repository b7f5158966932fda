-- deny: cross_schema
ALTER TABLE tenant_beta.customers RENAME TO x;
