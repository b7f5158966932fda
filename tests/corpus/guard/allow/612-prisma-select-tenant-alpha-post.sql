-- allow
SELECT SUM("price") AS "_sum$price", AVG("price") AS "_avg$price" FROM (SELECT "tenant_alpha"."Post"."price" FROM "tenant_alpha"."Post" WHERE 1=1 OFFSET $1) AS "sub"
