-- deny: cross_schema
SELECT * FROM "TENANT_ALPHA".customers;
