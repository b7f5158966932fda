-- deny: cross_schema
CREATE INDEX ON customers (tenant_beta.f(name));
