-- deny: cross_schema
CREATE TABLE tenant_alpha.x AS TABLE tenant_beta.customers WITH NO DATA;
