-- allow
INSERT INTO "tenant_alpha"."User" ("name","role","at") VALUES ($1,CAST($2::text AS "tenant_alpha"."Role"),$3), ($4,CAST($5::text AS "tenant_alpha"."Role"),$6) ON CONFLICT DO NOTHING
