-- allow
SELECT "tenant_alpha"."User"."id", "tenant_alpha"."User"."name", "tenant_alpha"."User"."role"::text, "tenant_alpha"."User"."data", "tenant_alpha"."User"."tags", "tenant_alpha"."User"."at" FROM "tenant_alpha"."User" WHERE "tenant_alpha"."User"."id" = $1 LIMIT $2 OFFSET $3
