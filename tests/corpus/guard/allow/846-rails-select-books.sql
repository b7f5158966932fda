-- allow
SELECT AVG("books"."price") FROM "books"
