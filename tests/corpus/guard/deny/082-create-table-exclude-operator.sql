-- deny: cross_schema
CREATE TABLE x (c int, EXCLUDE USING gist (c WITH OPERATOR(tenant_beta.=)));
