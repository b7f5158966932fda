-- deny: cross_schema
SELECT * FROM tenant_beta -- not here
 . -- nor here
 customers;
