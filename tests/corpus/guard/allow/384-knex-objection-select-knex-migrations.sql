-- allow
select "name" from "knex_migrations" order by "id" asc
