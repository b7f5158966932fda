-- allow
SELECT "tenant_alpha"."User"."id" FROM "tenant_alpha"."User" WHERE ("tenant_alpha"."User"."name" = $1 AND 1=1) OFFSET $2
