-- allow
create index authors_by_name on authors (name)
