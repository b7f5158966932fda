-- allow
SELECT id FROM notes
