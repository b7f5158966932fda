-- allow
update "users" set "name" = upper(name) where "id" = $1 returning "id"
