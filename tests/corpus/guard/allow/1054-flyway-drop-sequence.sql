-- allow
DROP SEQUENCE IF EXISTS "tenant_alpha"."numbers"
