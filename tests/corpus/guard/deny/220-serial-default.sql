-- deny: cross_schema
CREATE TABLE x (id int DEFAULT nextval('tenant_beta.customers_id_seq'));
