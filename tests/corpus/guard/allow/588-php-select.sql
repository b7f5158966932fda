-- allow
SELECT CURRVAL($1)
