-- allow
SELECT row_number() OVER (ORDER BY numbers.n) AS anon_1 
FROM numbers
