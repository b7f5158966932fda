-- allow
SELECT COUNT(*) AS "__count" FROM "library_book"
