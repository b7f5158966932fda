-- allow
FETCH FORWARD ALL FROM "named"
