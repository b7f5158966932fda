-- deny: cross_schema
CREATE STATISTICS s ON name, email FROM tenant_beta.customers;
