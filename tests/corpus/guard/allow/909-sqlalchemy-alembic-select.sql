-- allow
SELECT ARRAY[1, 2] AS anon_1, CAST('1' AS INTEGER) AS anon_2
