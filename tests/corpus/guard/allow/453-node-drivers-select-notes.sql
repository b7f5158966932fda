-- allow
SELECT * FROM notes
