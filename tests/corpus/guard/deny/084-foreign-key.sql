-- deny: cross_schema
CREATE TABLE x (c int REFERENCES tenant_beta.customers);
