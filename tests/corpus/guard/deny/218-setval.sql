-- deny: cross_schema
SELECT setval('tenant_beta.customers_id_seq', 1);
