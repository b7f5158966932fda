-- allow
insert into "user" ("name", "role") values ('Bo', 'b') on conflict ("name") do update set "role" = excluded."role" returning "id", "data", "tags"
