-- deny: cross_schema
CREATE DOMAIN d AS tenant_beta.mood;
