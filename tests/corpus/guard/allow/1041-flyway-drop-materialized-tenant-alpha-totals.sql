-- allow
DROP MATERIALIZED VIEW IF EXISTS "tenant_alpha"."totals" CASCADE
