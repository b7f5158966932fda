-- deny: cross_schema
CREATE TYPE r AS RANGE (subtype = tenant_beta.t);
