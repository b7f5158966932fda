-- allow
select id, identifier from "tenant_alpha"._private_tasks as tasks where identifier = any($1::text[])
