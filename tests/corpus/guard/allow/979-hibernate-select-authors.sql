-- allow
select hibernate_0_.id as id48_0_, hibernate_0_.city as city48_0_, hibernate_0_.street as street48_0_, hibernate_0_.born as born48_0_, hibernate_0_.email as email48_0_, hibernate_0_.mood as mood48_0_, hibernate_0_.name as name48_0_, hibernate_0_.version as version48_0_ from authors hibernate_0_ where hibernate_0_.id=$1
