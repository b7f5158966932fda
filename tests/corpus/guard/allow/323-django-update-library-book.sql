-- allow
UPDATE "library_book" SET "title" = 'Engines II', "slug" = 'e', "author_id" = 1, "price" = 9.90, "tags" = '{a,b}'::varchar(20)[], "sold" = '2026-11-24 01:46:03.272588+00:00'::timestamptz, "pages" = 10, "search" = NULL, "key" = NULL, "cover" = NULL, "length" = NULL, "shelf" = NULL WHERE "library_book"."id" = 1
