-- deny: cross_schema
CREATE TABLE tenant_beta.x (id int);
