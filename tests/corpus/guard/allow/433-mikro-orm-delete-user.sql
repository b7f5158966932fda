-- allow
delete from "user" where "name" = 'Cy'
