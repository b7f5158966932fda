-- allow
DELETE FROM "library_book_editors" WHERE ("library_book_editors"."book_id" = 1 AND "library_book_editors"."author_id" IN (1))
