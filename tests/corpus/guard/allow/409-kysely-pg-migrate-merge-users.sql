-- allow
merge into "users" as "t" using "users" as "s" on "s"."id" = "t"."id" when matched then do nothing
