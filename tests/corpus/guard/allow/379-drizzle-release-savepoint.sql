-- allow
release savepoint sp1
