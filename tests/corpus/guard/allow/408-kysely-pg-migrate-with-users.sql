-- allow
with "q" as (delete from "users" where "id" = $1 returning "id") select * from "q"
