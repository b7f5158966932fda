-- allow
SELECT * FROM a JOIN b USING (x, y, z) AS j;
