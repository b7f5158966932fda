-- deny: cross_schema
SELECT name COLLATE tenant_beta.german FROM customers;
