-- allow
with "x" as (select "id" from "users") select * from "x" union select "id" from "users"
