-- allow
select "id" from "kysely_migration_lock" where "id" = $1
