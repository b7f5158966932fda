-- deny: cross_schema
SELECT currval('tenant_beta.customers_id_seq');
