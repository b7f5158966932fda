-- deny: cross_schema
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH tenant_beta.d;
