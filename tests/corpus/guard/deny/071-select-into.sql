-- deny: cross_schema
SELECT * INTO x FROM tenant_beta.customers;
