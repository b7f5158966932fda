-- allow
TRUNCATE TABLE "books", "authors"
