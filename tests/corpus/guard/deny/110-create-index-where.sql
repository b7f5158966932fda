-- deny: cross_schema
CREATE INDEX ON customers (name) WHERE tenant_beta.f(name);
