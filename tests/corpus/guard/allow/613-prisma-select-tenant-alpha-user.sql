-- allow
SELECT COUNT(*) AS "_count$_all" FROM (SELECT "tenant_alpha"."User"."id" FROM "tenant_alpha"."User" WHERE (NOT "tenant_alpha"."User"."role" = CAST($1::text AS "tenant_alpha"."Role")) OFFSET $2) AS "sub"
