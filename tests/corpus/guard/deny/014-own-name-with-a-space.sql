-- deny: cross_schema
SELECT * FROM "tenant_alpha ".customers;
