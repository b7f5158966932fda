-- deny: cross_schema
VALUES ((SELECT name FROM tenant_beta.customers LIMIT 1));
