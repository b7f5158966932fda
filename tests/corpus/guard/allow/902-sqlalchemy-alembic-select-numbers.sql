-- allow
SELECT numbers.n AS x 
FROM numbers
