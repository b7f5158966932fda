-- deny: cross_schema
select current_setting('server_version_num') as server_version_num,
        (select id from "graphile_worker".migrations order by id desc limit 1) as id,
        (select id from "graphile_worker".migrations where breaking is true order by id desc limit 1) as biggest_breaking_id;
