-- allow
update "tenant_alpha".migrations set breaking = true where id = any($1::int[])
