-- allow
UPDATE "tenant_alpha"."User" SET "tags" = "tenant_alpha"."User"."tags" || $1 WHERE ("tenant_alpha"."User"."id" = $2 AND 1=1) RETURNING "tenant_alpha"."User"."id", "tenant_alpha"."User"."name", "tenant_alpha"."User"."role"::text, "tenant_alpha"."User"."data", "tenant_alpha"."User"."tags", "tenant_alpha"."User"."at"
