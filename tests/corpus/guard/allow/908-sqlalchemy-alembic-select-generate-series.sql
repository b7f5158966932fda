-- allow
SELECT anon_1.v 
FROM generate_series(1, 3) AS anon_1(v)
