-- deny: cross_schema
DROP TYPE tenant_beta.mood;
