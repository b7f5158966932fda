-- allow
update "knex_migrations_lock" set "is_locked" = $1 where "is_locked" = $2
