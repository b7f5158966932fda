-- unhardened: advisory_lock
CREATE TABLE IF NOT EXISTS "tenant_alpha"."flyway_schema_history" ("installed_rank" INT NOT NULL, "success" BOOLEAN NOT NULL); SELECT pg_try_advisory_xact_lock(77431708279161); SELECT COUNT(*) FROM pg_namespace WHERE nspname='tenant_alpha'; SET SEARCH_PATH = tenant_alpha, "$user", global;
