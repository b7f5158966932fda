-- deny: cross_schema
SELECT E'tenant_\x62eta.customers'::regclass;
