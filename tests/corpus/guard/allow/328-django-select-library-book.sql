-- allow
SELECT CASE WHEN "library_book"."price" < 5 THEN 'cheap' ELSE 'dear' END AS "kind" FROM "library_book"
