-- allow
DROP TYPE IF EXISTS "tenant_alpha"."mood" CASCADE
