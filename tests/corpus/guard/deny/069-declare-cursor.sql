-- deny: cross_schema
DECLARE c CURSOR FOR SELECT * FROM tenant_beta.customers;
