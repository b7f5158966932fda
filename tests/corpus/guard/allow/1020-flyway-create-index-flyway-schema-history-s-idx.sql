-- allow
CREATE INDEX "flyway_schema_history_s_idx" ON "tenant_alpha"."flyway_schema_history" ("success")
