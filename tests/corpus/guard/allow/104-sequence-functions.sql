-- allow
SELECT nextval('customers_id_seq'), currval('tenant_alpha.customers_id_seq'), lastval();
