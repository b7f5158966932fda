-- deny: cross_schema
-- PostgreSQL cuts this to 63 bytes, and it is another schema than it looks like.
SELECT * FROM tenant_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb_and_more.customers;
