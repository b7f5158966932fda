-- allow
select this_.id as id48_0_, this_.city as city48_0_, this_.street as street48_0_, this_.born as born48_0_, this_.email as email48_0_, this_.mood as mood48_0_, this_.name as name48_0_, this_.version as version48_0_ from authors this_ where this_.id in (select b_.author_id as y0_ from books b_) and this_.version >= 0
