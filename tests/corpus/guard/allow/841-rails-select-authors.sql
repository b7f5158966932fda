-- allow
SELECT 1 AS one FROM "authors" WHERE "authors"."name" = $1 LIMIT $2
