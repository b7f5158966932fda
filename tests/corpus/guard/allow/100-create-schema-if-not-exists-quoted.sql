-- allow
CREATE SCHEMA IF NOT EXISTS "tenant_alpha"
