-- deny: cross_schema
REVOKE ALL ON tenant_beta.customers FROM PUBLIC;
