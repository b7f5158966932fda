-- deny: cross_schema
CREATE TABLE x (c int GENERATED ALWAYS AS (tenant_beta.f(1)) STORED);
