-- allow
select "id", "name", "role", "data", "tags", "at" from "users" for update skip locked
