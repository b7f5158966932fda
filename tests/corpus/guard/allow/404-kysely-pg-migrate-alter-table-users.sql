-- allow
alter table "users" add column "n" integer
