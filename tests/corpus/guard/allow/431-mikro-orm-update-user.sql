-- allow
update "user" set "name" = 'Ada L' where "id" = 1
