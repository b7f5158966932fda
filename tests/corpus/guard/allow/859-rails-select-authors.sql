-- allow
SELECT MAX("id") FROM "authors"
