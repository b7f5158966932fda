-- allow
update "users" set "name" = upper("users"."name") where "users"."id" = $1 returning "id"
