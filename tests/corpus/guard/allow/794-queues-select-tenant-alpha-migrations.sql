-- allow
select current_setting('server_version_num') as server_version_num,
        (select id from "tenant_alpha".migrations order by id desc limit 1) as id,
        (select id from "tenant_alpha".migrations where breaking is true order by id desc limit 1) as biggest_breaking_id;
