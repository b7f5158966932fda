-- deny: cross_schema
CREATE TYPE x AS (a tenant_beta.customers);
