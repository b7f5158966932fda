-- deny: cross_schema
CREATE TABLE x (c int DEFAULT tenant_beta.f());
