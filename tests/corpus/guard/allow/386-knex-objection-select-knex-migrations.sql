-- allow
select max("batch") as "max_batch" from "knex_migrations"
