-- deny: cross_schema
PREPARE p AS SELECT * FROM tenant_beta.customers;
