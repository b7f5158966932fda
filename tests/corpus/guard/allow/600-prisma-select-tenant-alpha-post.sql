-- allow
SELECT "tenant_alpha"."Post"."id", "tenant_alpha"."Post"."title", "tenant_alpha"."Post"."price", "tenant_alpha"."Post"."userId" FROM "tenant_alpha"."Post" WHERE "tenant_alpha"."Post"."userId" = $1 OFFSET $2
