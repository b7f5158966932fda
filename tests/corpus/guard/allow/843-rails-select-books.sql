-- allow
SELECT "books".* FROM "books" ORDER BY "books"."title" ASC, "books"."id" ASC LIMIT $1
