-- allow
savepoint sp1
