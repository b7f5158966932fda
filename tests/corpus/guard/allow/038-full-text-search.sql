-- allow
SELECT * FROM docs WHERE to_tsvector('english', body) @@ websearch_to_tsquery('pg_catalog.english', $1);
