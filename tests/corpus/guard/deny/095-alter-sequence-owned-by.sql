-- deny: cross_schema
ALTER SEQUENCE s OWNED BY tenant_beta.customers.id;
