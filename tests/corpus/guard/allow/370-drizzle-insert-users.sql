-- allow
insert into "users" ("id", "name", "role", "data", "tags", "at") values (default, $1, default, $2, $3, default), (default, $4, default, default, default, default) returning "id", "name", "role", "data", "tags", "at"
