-- allow
SELECT * FROM generate_series($1::int, $2::int)
