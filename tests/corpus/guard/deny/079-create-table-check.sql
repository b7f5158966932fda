-- deny: cross_schema
CREATE TABLE x (c int CHECK (c > tenant_beta.f()));
