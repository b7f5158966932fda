-- allow
with "q" as (select "id" from "users") select "id" from "q"
