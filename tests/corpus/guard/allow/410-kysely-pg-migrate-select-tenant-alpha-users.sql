-- allow
select count(*) as "c" from "tenant_alpha"."users"
