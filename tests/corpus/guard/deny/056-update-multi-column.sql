-- deny: cross_schema
UPDATE customers SET (name, email) = (SELECT name, email FROM tenant_beta.customers LIMIT 1);
