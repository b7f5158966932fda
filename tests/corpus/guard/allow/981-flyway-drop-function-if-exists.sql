-- allow
DROP FUNCTION IF EXISTS "tenant_alpha"."touch"() CASCADE
