-- deny: cross_schema
SELECT ARRAY(SELECT name FROM tenant_beta.customers);
