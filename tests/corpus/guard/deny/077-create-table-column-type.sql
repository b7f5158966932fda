-- deny: cross_schema
CREATE TABLE x (c tenant_beta.mood);
