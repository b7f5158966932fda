-- allow
begin isolation level repeatable read
