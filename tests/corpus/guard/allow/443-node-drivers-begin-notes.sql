-- allow
BEGIN; INSERT INTO notes (body) VALUES ('b'); COMMIT; SELECT count(*) FROM notes
