-- allow
select * from information_schema.tables where table_name = $1 and table_schema = current_schema()
