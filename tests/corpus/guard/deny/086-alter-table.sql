-- deny: cross_schema
ALTER TABLE tenant_beta.customers ADD COLUMN x int;
