-- deny: cross_schema
GRANT ALL ON ALL TABLES IN SCHEMA tenant_alpha, tenant_beta TO PUBLIC;
