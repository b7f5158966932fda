-- allow
create table "user" ("id" serial primary key, "name" varchar(255) not null, "data" jsonb null, "tags" text[] null, "role" text check ("role" in ('a', 'b')) not null default 'a');
alter table "user" add constraint "user_name_unique" unique ("name");
create index "user_role_name_index" on "user" ("role", "name");
