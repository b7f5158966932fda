-- allow
select "role", count(*) from "users" group by "users"."role"
