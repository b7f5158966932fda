-- allow
select "u".* from "users" as "u" inner join lateral (select "id" as "x" from "users" limit $1) as "l" on true where "u"."id" in ($2, $3) for update skip locked
