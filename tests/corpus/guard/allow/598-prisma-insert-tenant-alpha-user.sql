-- allow
INSERT INTO "tenant_alpha"."User" ("name","role","data","tags","at") VALUES ($1,CAST($2::text AS "tenant_alpha"."Role"),$3,$4,$5) RETURNING "tenant_alpha"."User"."id"
