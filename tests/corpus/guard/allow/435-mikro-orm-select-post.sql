-- allow
select "p0".*, "u1"."id" as "u1__id", "u1"."name" as "u1__name", "u1"."data" as "u1__data", "u1"."tags" as "u1__tags", "u1"."role" as "u1__role" from "post" as "p0" left join "user" as "u1" on "p0"."user_id" = "u1"."id" left join "user" as "u2" on "p0"."user_id" = "u2"."id" where "u2"."name" like 'A%'
