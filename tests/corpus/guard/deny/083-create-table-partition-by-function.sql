-- deny: cross_schema
CREATE TABLE x (c int) PARTITION BY RANGE ((tenant_beta.f(c)));
