-- deny: cross_schema
CREATE INDEX ON tenant_beta.customers (name);
