-- allow
SAVEPOINT trx6;
