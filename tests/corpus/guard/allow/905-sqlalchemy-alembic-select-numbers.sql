-- allow
SELECT array_agg(numbers.n) AS array_agg_1 
FROM numbers
