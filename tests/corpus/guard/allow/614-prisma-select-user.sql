-- allow
SELECT * FROM "User" WHERE id = $1
