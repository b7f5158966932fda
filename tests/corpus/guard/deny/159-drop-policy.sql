-- deny: cross_schema
DROP POLICY p ON tenant_beta.customers;
