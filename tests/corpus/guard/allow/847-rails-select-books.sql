-- allow
SELECT SUM("books"."price") FROM "books" WHERE "books"."author_id" IN (SELECT "authors"."id" FROM "authors" WHERE "authors"."name" = $1)
