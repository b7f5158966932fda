-- allow
DROP FUNCTION IF EXISTS "tenant_alpha"."closed"(text) CASCADE
