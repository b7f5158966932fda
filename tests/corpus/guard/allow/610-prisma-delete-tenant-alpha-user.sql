-- allow
DELETE FROM "tenant_alpha"."User" WHERE ("tenant_alpha"."User"."name" = $1 AND 1=1) RETURNING "tenant_alpha"."User"."id", "tenant_alpha"."User"."name", "tenant_alpha"."User"."role"::text, "tenant_alpha"."User"."data", "tenant_alpha"."User"."tags", "tenant_alpha"."User"."at"
