-- allow
insert into "users" ("name") values ($1), ($2) on conflict ("name") do update set "n" = "excluded"."n" returning *
