-- allow
DROP VIEW IF EXISTS "tenant_alpha"."open_tickets" CASCADE
