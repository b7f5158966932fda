-- allow
select distinct on ("role") * from "users" order by "role" asc
