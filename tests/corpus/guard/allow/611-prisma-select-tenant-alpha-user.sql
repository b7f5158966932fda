-- allow
SELECT COUNT(*) AS "_count$_all", MAX("tenant_alpha"."User"."at") AS "_max$at", "tenant_alpha"."User"."role"::text FROM "tenant_alpha"."User" WHERE 1=1 GROUP BY "tenant_alpha"."User"."role" HAVING COUNT("tenant_alpha"."User"."id") > $1 OFFSET $2
