-- deny: cross_schema
CREATE TABLE x (c text COLLATE tenant_beta."german");
