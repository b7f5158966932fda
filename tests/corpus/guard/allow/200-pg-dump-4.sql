-- allow
-- pg_dump -n tenant_alpha
SELECT pg_catalog.pg_get_viewdef('16431'::pg_catalog.oid) AS viewdef;
SELECT pg_catalog.pg_get_viewdef('16415'::pg_catalog.oid) AS viewdef;
SELECT pg_get_partkeydef('16436');
SELECT format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_catalog.pg_sequence WHERE seqrelid = '16400'::oid;
PREPARE dumpTableAttach(pg_catalog.oid) AS
SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_class c WHERE c.oid = $1;
EXECUTE dumpTableAttach('16439');
SELECT last_value, is_called FROM tenant_alpha.customers_id_seq;
SELECT last_value, is_called FROM tenant_alpha.tickets_id_seq;
SELECT pg_catalog.pg_get_statisticsobjdef('16435'::pg_catalog.oid);
COPY tenant_alpha.customers (id, name, email) TO stdout;
COPY tenant_alpha.part1 (a) TO stdout;
COPY tenant_alpha.tickets (id, customer_id, title, status, created_at) TO stdout;
