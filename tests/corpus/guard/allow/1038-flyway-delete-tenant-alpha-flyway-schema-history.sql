-- allow
DELETE FROM "tenant_alpha"."flyway_schema_history" WHERE "success" = FALSE AND "version" = '1'
