-- allow
select count(*) as "count" from "user" as "u0" where ("u0"."data"->>'a')::float8 = 1 and "u0"."tags" && '{x}'
