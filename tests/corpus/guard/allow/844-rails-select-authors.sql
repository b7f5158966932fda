-- allow
SELECT "authors".* FROM "authors" WHERE ("authors"."name" IN ($1, $2) OR "authors"."id" BETWEEN $3 AND $4) ORDER BY "authors"."id" DESC LIMIT $5 OFFSET $6
