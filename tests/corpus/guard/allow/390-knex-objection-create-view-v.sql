-- allow
create view "v" ("id") as select "id" from "users"
