-- deny: cross_schema
SELECT nextval('"tenant_beta"."customers_id_seq"'::regclass);
