-- deny: cross_schema
ALTER TYPE tenant_beta.mood ADD VALUE 'c';
