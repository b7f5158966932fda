-- allow
select "nspname" from "pg_catalog"."pg_namespace"
