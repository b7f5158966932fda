-- deny: cross_schema
CREATE RULE r AS ON INSERT TO customers DO ALSO INSERT INTO tenant_beta.customers VALUES (NEW.*);
