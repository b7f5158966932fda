-- allow
SAVEPOINT trx5;
