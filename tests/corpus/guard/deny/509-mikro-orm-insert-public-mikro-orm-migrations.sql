-- deny: cross_schema
insert into "public"."mikro_orm_migrations" ("name") values ('Migration20261124014805.cjs')
