-- allow
INSERT INTO notes ("body")values($1),($2) RETURNING id
