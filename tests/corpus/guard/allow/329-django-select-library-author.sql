-- allow
SELECT ("library_book_editors"."book_id") AS "_prefetch_related_val_book_id", "library_author"."id", "library_author"."name", "library_author"."born", "library_author"."meta" FROM "library_author" INNER JOIN "library_book_editors" ON ("library_author"."id" = "library_book_editors"."author_id") WHERE "library_book_editors"."book_id" IN (2, 3, 4, 5, 6, 1)
