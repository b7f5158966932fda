-- allow
DELETE FROM "library_book_editors" WHERE "library_book_editors"."book_id" = 1
