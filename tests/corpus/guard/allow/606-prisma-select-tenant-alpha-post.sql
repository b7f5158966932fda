-- allow
SELECT "tenant_alpha"."Post"."id", "tenant_alpha"."Post"."userId" FROM "tenant_alpha"."Post" WHERE (1=1 AND "tenant_alpha"."Post"."userId" IN ($1)) OFFSET $2
