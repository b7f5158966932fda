-- allow
select current_schema()
