-- allow
WITH gone AS 
(DELETE FROM numbers WHERE numbers.n = 1 RETURNING numbers.n)
 SELECT gone.n 
FROM gone
