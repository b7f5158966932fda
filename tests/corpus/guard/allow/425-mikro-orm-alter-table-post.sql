-- allow
alter table "post" add constraint "post_user_id_foreign" foreign key ("user_id") references "user" ("id") on update cascade on delete cascade;
