-- allow
COMMIT
