-- deny: cross_schema
CREATE RULE r AS ON INSERT TO tenant_beta.customers DO INSTEAD NOTHING;
