-- allow
SELECT oid FROM pg_catalog.pg_namespace n
WHERE n.nspname OPERATOR(pg_catalog.~) '^(tenant_alpha)$' COLLATE pg_catalog.default
