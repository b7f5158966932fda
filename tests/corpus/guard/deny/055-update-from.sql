-- deny: cross_schema
UPDATE customers SET name = d.name FROM tenant_beta.customers d;
