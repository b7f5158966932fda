-- deny: cross_schema
CREATE TABLE IF NOT EXISTS "users" ("id"   SERIAL , "name" VARCHAR(255) NOT NULL UNIQUE, "data" JSONB, "tags" TEXT[], "role" "public"."enum_users_role", "born" DATE, "range" int4range, "key" UUID, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("id")); COMMENT ON TABLE "users" IS 'people';
