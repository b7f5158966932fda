-- allow
select row_number() over (partition by role order by id) from "users"
