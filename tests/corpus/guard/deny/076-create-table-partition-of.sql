-- deny: cross_schema
CREATE TABLE x PARTITION OF tenant_beta.events DEFAULT;
