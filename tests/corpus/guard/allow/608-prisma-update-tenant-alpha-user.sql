-- allow
UPDATE "tenant_alpha"."User" SET "role" = CAST($1::text AS "tenant_alpha"."Role") WHERE "tenant_alpha"."User"."name"::text LIKE ($2 || '%')
