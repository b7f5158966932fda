-- allow
EXPLAIN SELECT "authors".* FROM "authors"
