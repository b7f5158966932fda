-- deny: cross_schema
CREATE INDEX ON customers (name tenant_beta.ops);
