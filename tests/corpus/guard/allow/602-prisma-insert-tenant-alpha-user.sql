-- allow
INSERT INTO "tenant_alpha"."User" ("name","role","at") VALUES ($1,CAST($2::text AS "tenant_alpha"."Role"),$3) RETURNING "tenant_alpha"."User"."id", "tenant_alpha"."User"."name", "tenant_alpha"."User"."role"::text, "tenant_alpha"."User"."data", "tenant_alpha"."User"."tags", "tenant_alpha"."User"."at"
