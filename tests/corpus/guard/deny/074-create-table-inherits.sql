-- deny: cross_schema
CREATE TABLE x () INHERITS (tenant_beta.customers);
