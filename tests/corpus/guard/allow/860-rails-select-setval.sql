-- allow
SELECT setval('"tenant_alpha"."authors_id_seq"', 1, true)
