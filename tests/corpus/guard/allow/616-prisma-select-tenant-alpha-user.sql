-- allow
SELECT COUNT(*) AS "_count$_all" FROM (SELECT "tenant_alpha"."User"."id" FROM "tenant_alpha"."User" WHERE 1=1 OFFSET $1) AS "sub"
