-- deny: cross_schema
CREATE TABLE x (c oid DEFAULT 'tenant_beta.customers'::regclass);
