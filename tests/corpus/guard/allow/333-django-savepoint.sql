-- allow
SAVEPOINT "s140234_x1"
