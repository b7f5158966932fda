-- allow
CREATE SEQUENCE s OWNED BY customers.id; ALTER SEQUENCE s OWNED BY tenant_alpha.customers.id; ALTER SEQUENCE s OWNED BY NONE;
