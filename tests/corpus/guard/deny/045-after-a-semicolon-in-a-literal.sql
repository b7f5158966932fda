-- deny: cross_schema
SELECT ';--'; SELECT * FROM tenant_beta.customers;
