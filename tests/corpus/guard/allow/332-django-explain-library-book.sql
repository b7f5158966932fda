-- allow
EXPLAIN (ANALYZE true, FORMAT json) SELECT "library_book"."id", "library_book"."title", "library_book"."slug", "library_book"."author_id", "library_book"."price", "library_book"."tags", "library_book"."sold", "library_book"."pages", "library_book"."search", "library_book"."key", "library_book"."cover", "library_book"."length", "library_book"."shelf" FROM "library_book"
