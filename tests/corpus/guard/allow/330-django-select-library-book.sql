-- allow
SELECT id, title FROM library_book WHERE pages > 1
