-- allow
SELECT to_tsvector('english', 'a cat') @@ to_tsquery('english', 'cat') AS anon_1
