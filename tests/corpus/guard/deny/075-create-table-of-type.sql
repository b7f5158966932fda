-- deny: cross_schema
CREATE TABLE x OF tenant_beta.customer;
