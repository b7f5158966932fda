-- allow
SELECT "tenant_alpha"."customers"."id", "tenant_alpha"."customers"."name" FROM "tenant_alpha"."customers" WHERE ("tenant_alpha"."customers"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
