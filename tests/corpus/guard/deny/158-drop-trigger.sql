-- deny: cross_schema
DROP TRIGGER t ON tenant_beta.customers;
