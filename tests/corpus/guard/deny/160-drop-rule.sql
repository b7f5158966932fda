-- deny: cross_schema
DROP RULE r ON tenant_beta.customers;
