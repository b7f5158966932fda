-- allow
SELECT "library_author"."id" FROM "library_author" INNER JOIN "library_book_editors" ON ("library_author"."id" = "library_book_editors"."author_id") WHERE "library_book_editors"."book_id" = 1
