-- allow
insert into "knex_migrations_lock" ("is_locked") values ($1)
