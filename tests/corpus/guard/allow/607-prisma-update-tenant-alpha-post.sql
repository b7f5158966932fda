-- allow
UPDATE "tenant_alpha"."Post" SET "price" = ("tenant_alpha"."Post"."price" + $1) WHERE ("tenant_alpha"."Post"."id" IN ($2,$3) AND 1=1)
