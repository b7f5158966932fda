-- allow
DELETE FROM "tenant_alpha"."Post" WHERE "tenant_alpha"."Post"."price" > $1
