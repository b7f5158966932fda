-- allow
select "users"."id", "users"."name", "users"."role", "users"."data", "users"."tags", "users"."at", "posts"."id", "posts"."user", "posts"."title" from "users" left join "posts" on "posts"."user" = "users"."id" where ("users"."id" > $1 and "users"."data"->>'a' = '1') order by "users"."id" desc limit $2
