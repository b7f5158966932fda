-- allow
SELECT $1::int + 1 AS n
