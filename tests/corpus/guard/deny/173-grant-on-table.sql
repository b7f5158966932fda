-- deny: cross_schema
GRANT SELECT ON tenant_beta.customers TO PUBLIC;
