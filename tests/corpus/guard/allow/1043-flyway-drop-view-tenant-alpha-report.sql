-- allow
DROP VIEW IF EXISTS "tenant_alpha"."report" CASCADE
