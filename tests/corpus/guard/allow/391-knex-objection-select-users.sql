-- allow
select count("p"."id") as "n", "u"."name" from "users" as "u" left join "posts" as "p" on "p"."user_id" = "u"."id" group by "u"."id" having "u"."id" > $1
