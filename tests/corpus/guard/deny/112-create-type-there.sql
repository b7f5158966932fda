-- deny: cross_schema
CREATE TYPE tenant_beta.mood AS ENUM ('a');
