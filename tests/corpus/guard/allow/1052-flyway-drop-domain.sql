-- allow
DROP DOMAIN "tenant_alpha"."short"
