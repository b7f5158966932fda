-- allow
SELECT COUNT(*) AS count_all, "authors"."id" AS authors_id FROM "authors" LEFT OUTER JOIN "books" ON "books"."author_id" = "authors"."id" GROUP BY "authors"."id" HAVING (count(books.id) > 0)
