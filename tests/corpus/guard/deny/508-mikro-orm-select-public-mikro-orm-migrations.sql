-- deny: cross_schema
select * from "public"."mikro_orm_migrations" order by "id" asc
