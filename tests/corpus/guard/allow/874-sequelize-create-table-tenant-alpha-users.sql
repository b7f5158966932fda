-- allow
CREATE TABLE IF NOT EXISTS "tenant_alpha"."users" ("id"   SERIAL , "name" VARCHAR(255) NOT NULL UNIQUE, "data" JSONB, "tags" TEXT[], "role" "tenant_alpha"."enum_users_role", "born" DATE, "range" int4range, "key" UUID, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("id")); COMMENT ON TABLE "tenant_alpha"."users" IS 'people';
