-- allow
DROP TABLE "tenant_alpha"."flyway_schema_history" CASCADE
