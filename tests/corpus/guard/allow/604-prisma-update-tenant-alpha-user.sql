-- allow
UPDATE "tenant_alpha"."User" SET "role" = CAST($1::text AS "tenant_alpha"."Role") WHERE ("tenant_alpha"."User"."id" IN ($2) AND ("tenant_alpha"."User"."name" = $3 AND 1=1)) RETURNING "tenant_alpha"."User"."id", "tenant_alpha"."User"."name", "tenant_alpha"."User"."role"::text, "tenant_alpha"."User"."data", "tenant_alpha"."User"."tags", "tenant_alpha"."User"."at"
