-- allow
WITH n AS (SELECT author_id, count(*) AS c FROM books GROUP BY author_id) SELECT a.name, n.c FROM n JOIN authors a ON a.id = n.author_id
