-- allow
SELECT DATE_TRUNC('month', "library_book"."sold" AT TIME ZONE 'America/Chicago') AS "month", COUNT("library_book"."id") AS "n", AVG("library_book"."price") AS "avg" FROM "library_book" GROUP BY 1 ORDER BY 1 ASC
