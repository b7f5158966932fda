-- allow
WITH RECURSIVE tree(n) AS 
(SELECT 1 AS n UNION ALL SELECT tree.n + 1 AS anon_1 
FROM tree 
WHERE tree.n < 5)
 SELECT tree.n 
FROM tree
