-- deny: cross_schema
SELECT (SELECT name FROM tenant_beta.customers LIMIT 1);
