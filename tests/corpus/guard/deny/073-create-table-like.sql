-- deny: cross_schema
CREATE TABLE x (LIKE tenant_beta.customers INCLUDING ALL);
