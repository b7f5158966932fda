-- deny: cross_schema
INSERT INTO "public"."User" ("name","role","data","tags","at") VALUES ($1,CAST($2::text AS "public"."Role"),$3,$4,$5) RETURNING "public"."User"."id"
