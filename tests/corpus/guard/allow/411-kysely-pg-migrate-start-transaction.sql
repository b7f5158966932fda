-- allow
start transaction isolation level repeatable read
