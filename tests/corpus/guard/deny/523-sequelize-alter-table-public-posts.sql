-- deny: cross_schema
ALTER TABLE "public"."posts" ADD COLUMN "note" VARCHAR(255);
