-- allow
BEGIN;
SELECT setval(pg_get_serial_sequence('"library_author"','id'), coalesce(max("id"), 1), max("id") IS NOT null) FROM "library_author";
SELECT setval(pg_get_serial_sequence('"library_book_editors"','id'), coalesce(max("id"), 1), max("id") IS NOT null) FROM "library_book_editors";
SELECT setval(pg_get_serial_sequence('"library_book"','id'), coalesce(max("id"), 1), max("id") IS NOT null) FROM "library_book";
COMMIT;
