-- deny: cross_schema
CREATE DOMAIN d AS int CHECK (tenant_beta.f(VALUE));
