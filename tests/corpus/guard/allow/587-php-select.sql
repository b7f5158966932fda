-- allow
SELECT LASTVAL()
