-- allow
ROLLBACK
