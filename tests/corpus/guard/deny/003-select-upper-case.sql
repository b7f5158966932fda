-- deny: cross_schema
SELECT * FROM TENANT_BETA.CUSTOMERS;
