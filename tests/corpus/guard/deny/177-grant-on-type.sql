-- deny: cross_schema
GRANT USAGE ON TYPE tenant_beta.mood TO PUBLIC;
